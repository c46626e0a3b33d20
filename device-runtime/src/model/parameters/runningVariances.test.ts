import { unwrap } from "@attune/protocol";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { buildNetwork } from "../build/buildNetwork.ts";
import { buildPerceptron } from "../build/buildPerceptron.ts";
import { listParameters } from "./listParameters.ts";
import { runningVariances } from "./runningVariances.ts";

it("[TC49] names the variances of normalisations by the batch, and nothing else", () => {
  const random = createSeededRandom("variances");
  const plain = buildPerceptron({ inputSize: 6, hidden: [8], classCount: 3 }, random);
  expect(unwrap(runningVariances(plain))).toEqual(new Set());
  const model = buildNetwork(
    {
      input: [6],
      layers: [
        { kind: "batchNormalization" },
        { kind: "dense", units: 8 },
        { kind: "batchNormalization" },
        { kind: "dense", units: 3 },
      ],
    },
    random,
  );
  const names = [...unwrap(runningVariances(model))];
  expect(names).toHaveLength(2);
  const statistics = unwrap(listParameters(model)).filter(({ role }) => role === "statistic");
  expect(statistics).toHaveLength(4);
  for (const name of names) {
    expect(name).toContain("variance");
    expect(statistics.map((one) => one.name)).toContain(name);
  }
  expect(runningVariances(Uint8Array.of(1, 2, 3)).ok).toBe(false);
});
