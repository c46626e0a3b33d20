// A model package made from the command line alone, from files that any tool writes.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeModelPackage, modelOf, windowLength } from "@attune/device-runtime/model";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { unwrap } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { testPackage } from "../testHub.ts";
import { type AttuneRun, runAttune } from "./attuneProcess.ts";

let folder: string;
const build = (...words: string[]): Promise<AttuneRun> =>
  runAttune(folder, ["-o", "json", "model", "build", ...words]);
const files = ["--model", "model.onnx", "--fit", "fit.csv", "--check", "check.csv"];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "attune-build-"));
  const made = await testPackage();
  const { preprocessing } = made;
  const random = createSeededRandom("windows");
  const lines = (count: number): string =>
    Array.from({ length: count }, (_, at) => {
      const label = preprocessing.labels[at % preprocessing.labels.length];
      const numbers = Array.from(
        { length: windowLength(preprocessing) },
        () => random.nextUint32() / 2 ** 32 + (at % preprocessing.labels.length),
      );
      return `${[label, `person ${at % 3}`, ...numbers].join(",")}\n`;
    }).join("");
  writeFileSync(join(folder, "model.onnx"), unwrap(modelOf(made)));
  writeFileSync(join(folder, "fit.csv"), `label,person,values\n${lines(90)}`);
  writeFileSync(join(folder, "check.csv"), `label,person,values\n${lines(60)}`);
  writeFileSync(join(folder, "recipe.json"), JSON.stringify({ line: "activity", preprocessing }));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

it("makes a package that reads itself, and says what is normal for it", async () => {
  const run = await build("recipe.json", ...files, "--out", "made.attune");
  expect(run.exitCode, run.stderr).toBe(0);
  const said = JSON.parse(run.stdout) as { readonly bytes: number; readonly reference: object };
  const bytes = new Uint8Array(readFileSync(join(folder, "made.attune")));
  expect(said.bytes).toBe(bytes.length);
  const read = unwrap(decodeModelPackage(bytes, nodeCryptography));
  expect(read.calibration.reference).toEqual(said.reference);
  expect(read.calibration.ood.population.personCount).toBe(3);
});

it("says what is wrong with a recipe, with its place, and writes nothing", async () => {
  writeFileSync(join(folder, "wrong.json"), JSON.stringify({ line: "activity", surprise: 1 }));
  const run = await build("wrong.json", ...files, "--out", "none.attune");
  expect(run.exitCode).toBe(2);
  expect(run.stderr).toContain("message.schema_invalid");
  expect(() => readFileSync(join(folder, "none.attune"))).toThrow();
  const missing = await build("nowhere.json", ...files, "--out", "none.attune");
  expect(missing.exitCode).toBe(2);
  expect(missing.stderr).toContain("nowhere.json cannot be read");
});
