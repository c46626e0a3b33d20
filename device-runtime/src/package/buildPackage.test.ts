import { unwrap } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { beforeAll, expect, it } from "vitest";
import { benchPackage, labels, preprocessing, windowsOf } from "../../test/benchModel.ts";
import { createSeededRandom } from "../adapters/seededRandom.ts";
import { loadNodeOrt } from "../model/session/nodeOrtRuntime.ts";
import type { OrtRuntime } from "../model/session/ortRuntime.ts";
import { buildPackage, type PackageFiles } from "./buildPackage.ts";
import { decodeModelPackage } from "./packageFile.ts";
import { modelOf } from "./wholeModel.ts";
import { parseWindows } from "./windowsFile.ts";

let runtime: OrtRuntime;
let files: PackageFiles;

/** Windows as somebody's script writes them. */
function textOf(seed: string, count: number): string {
  const { windows, labels: truth } = windowsOf(createSeededRandom(seed), count);
  const lines = [...truth].map((label, at) => {
    const numbers = windows.subarray(at * 6, (at + 1) * 6);
    return [labels[label], `person ${at % 4}`, ...numbers].join(",");
  });
  return ["label,person,x0,x1,y0,y1,z0,z1", ...lines, ""].join("\r\n");
}

beforeAll(async () => {
  runtime = await loadNodeOrt();
  files = {
    recipe: JSON.parse(
      JSON.stringify({
        line: "activity",
        preprocessing,
        learning: {
          businessRules: [{ kind: "transition", name: "t", from: "still", to: "running" }],
        },
        ood: { method: { kind: "knn", neighbours: 3 }, alpha: 0.1 },
      }),
    ),
    model: unwrap(modelOf(await benchPackage(runtime))),
    fit: textOf("fit file", 120),
    check: textOf("check file", 120),
  };
});

it("[DR1] a package is made of plain files, the same bytes each time, and is read as what the recipe says", async () => {
  const { bytes, modelPackage } = unwrap(await buildPackage(files, runtime, nodeCryptography));
  const again = unwrap(await buildPackage(files, runtime, nodeCryptography));
  expect(again.bytes).toEqual(bytes);
  const read = unwrap(decodeModelPackage(bytes, nodeCryptography));
  expect(read.calibration).toEqual(modelPackage.calibration);
  expect(read.calibration.ood).toMatchObject({
    alpha: 0.1,
    profile: { kind: "knn", neighbours: 3 },
  });
  expect(read.calibration.ood.population.personCount).toBe(4);
  expect(read.learning.businessRules).toHaveLength(1);
});

it("[DR2] whatever is wrong with a recipe or with windows is refused with its place", async () => {
  const codeOf = async (changes: Partial<PackageFiles>): Promise<string> => {
    const built = await buildPackage({ ...files, ...changes }, runtime, nodeCryptography);
    return built.ok ? "built" : built.refusal.code;
  };
  const recipe = files.recipe as { readonly [name: string]: unknown };
  for (const wrong of [
    null,
    [],
    { ...recipe, line: 7 },
    { ...recipe, surprise: 1 },
    { ...recipe, line: "Not A Line" },
    { ...recipe, preprocessing: { labels: [] } },
    { ...recipe, ood: { method: { kind: "crystal ball" } } },
    { ...recipe, learning: { dataRules: "none" } },
  ]) {
    expect(await codeOf({ recipe: wrong })).toBe("message.schema_invalid");
  }
  for (const wrong of [
    { ...recipe, ood: { alpha: 2 } },
    { ...recipe, ood: { input: { reads: "both", vectors: [[0, 9]] } } },
    { ...recipe, ood: { method: { kind: "knn", neighbours: 1000 } } },
    {
      ...recipe,
      learning: { businessRules: [{ kind: "duration", name: "d", label: "?", windowsMax: 1 }] },
    },
    {
      ...recipe,
      learning: {
        dataRules: {
          channels: [{ channel: preprocessing.channels[0]?.name, stuckSamples: 1e6 }],
          duplicateMemory: 0,
          gapMsMax: null,
        },
      },
    },
  ]) {
    expect(await codeOf({ recipe: wrong })).toBe("input.shape_mismatch");
  }
  expect(await codeOf({ fit: "" })).toBe("input.shape_mismatch");
  expect(await codeOf({ model: new Uint8Array(9) })).toMatch(/^model\./);
  const header = "label,person,x0,x1,y0,y1,z0,z1\n";
  const message = (line: string): string => {
    const read = parseWindows(header + line, preprocessing);
    return read.ok ? "read" : `${read.refusal.code}: ${read.refusal.message}`;
  };
  expect(message("still,a,1,2,3,4,5,6")).toBe("read");
  expect(message("flying,a,1,2,3,4,5,6")).toMatch(/shape_mismatch: line 2 has the label "flying"/);
  expect(message("still,a,1,2,3")).toMatch(/shape_mismatch: line 2 has 3 numbers/);
  expect(message("still,a,1,2,,4,5,6")).toMatch(/not_finite: line 2 has "" in place 3/);
  expect(message("still,a,1,2,1e99,4,5,6")).toMatch(/not_finite/);
});
