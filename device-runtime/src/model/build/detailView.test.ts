// The detail view computes what its docstring says, inside a model that still trains and serves.
import { unwrap } from "@attune/protocol";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { compileServing } from "../compile/compileServing.ts";
import { compileTraining } from "../compile/compileTraining.ts";
import { readParameters } from "../parameters/parameterBytes.ts";
import { createPredictor } from "../session/createPredictor.ts";
import { createTrainer } from "../session/createTrainer.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { buildCnn1d, type Cnn1dSpec } from "./buildCnn1d.ts";

const runtime = await loadNodeOrt();
const spec: Cnn1dSpec = {
  channels: 2,
  length: 8,
  convolutions: [{ filters: 4, kernel: 1 }],
  reduce: "flatten",
  dense: [],
  classCount: 2,
  normalization: { mean: [1, -1], deviation: [2, 0.5] },
  detail: { gain: 3, floor: 0.01 },
};

it("shows each channel's movement as a signed square root beside the channel", async () => {
  const model = buildCnn1d(spec, createSeededRandom(1));
  const random = createSeededRandom(2);
  const window = Float32Array.from({ length: 16 }, () => random.nextUint32() / 2 ** 31 - 1);
  const predictor = await createPredictor(runtime, unwrap(compileServing(model)));
  const features = new Float32Array(4 * 8);
  await predictor.predict(window, 1, [], { logits: new Float32Array(2), features });
  await predictor.release();

  const weight = unwrap(readParameters(model)).find(({ name }) => name === "conv1.weight");
  const channels = [0, 1].map((channel) =>
    Array.from(
      window.subarray(8 * channel, 8 * channel + 8),
      (value) =>
        (value - (spec.normalization?.mean[channel] ?? 0)) /
        (spec.normalization?.deviation[channel] ?? 1),
    ),
  );
  const views = channels.map((values) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / 8;
    return values.map((value) => (3 * (value - mean)) / ((value - mean) ** 2 + 1e-4) ** 0.25);
  });
  const seen = [...channels, ...views];
  for (let filter = 0; filter < 4; filter++) {
    for (let at = 0; at < 8; at++) {
      const sum = seen.reduce(
        (total, values, channel) =>
          total + (values[at] ?? 0) * (weight?.data[4 * filter + channel] ?? Number.NaN),
        0,
      );
      expect(features[8 * filter + at]).toBeCloseTo(Math.max(0, sum), 4);
    }
  }
});

it("trains with every scope and is no parameter itself", async () => {
  const model = buildCnn1d(spec, createSeededRandom(1));
  const parameters = unwrap(readParameters(model));
  expect(parameters.map(({ name }) => name)).toEqual([
    "conv1.bias",
    "conv1.weight",
    "head.bias",
    "head.weight",
  ]);
  for (const scope of ["head", "all"] as const) {
    const compiled = unwrap(
      compileTraining(model, {
        scope,
        loss: { kind: "crossEntropy" },
        optimizer: { kind: "sgd" },
      }),
    );
    const trainer = await createTrainer(runtime, compiled);
    const { losses } = await trainer.run(trainer.begin(parameters), {
      stepCount: 20,
      batchSize: 2,
      data: Float32Array.from({ length: 20 * 32 }, (_, index) => Math.sin((index % 32) ** 2)),
      truth: Int32Array.from({ length: 40 }, (_, index) => index % 2),
      learningRate: 0.05,
    });
    await trainer.release();
    expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0);
  }
});

it("refuses a gain or a floor that is not above 0", () => {
  for (const detail of [
    { gain: 0, floor: 0.01 },
    { gain: 3, floor: 0 },
  ]) {
    expect(() => buildCnn1d({ ...spec, detail }, createSeededRandom(1))).toThrow(
      "builder.detail_invalid",
    );
  }
});
