// Fitting a model from start to end: it learns, the same every time, says how far it is, and can be stopped.
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { buildNetwork } from "../build/buildNetwork.ts";
import { type FitOptions, fitModel } from "./fitModel.ts";
import { loadNodeOrt } from "./nodeOrtRuntime.ts";

const runtime = await loadNodeOrt();

/** Two interleaved half moons, no straight line between them. */
const points = Array.from({ length: 64 }, (_, index) => {
  const angle = (Math.PI * Math.floor(index / 2)) / 31;
  return index % 2 === 0
    ? [Math.cos(angle), Math.sin(angle)]
    : [1 - Math.cos(angle), 0.5 - Math.sin(angle)];
});
const network = () =>
  buildNetwork(
    {
      input: [2],
      layers: [
        { kind: "dense", units: 16, activation: "tanh" },
        { kind: "dense", units: 2 },
      ],
    },
    createSeededRandom(1),
  );
const options = (changes: Partial<FitOptions> = {}): FitOptions => ({
  plan: { scope: "all", loss: { kind: "crossEntropy" }, optimizer: { kind: "adam" } },
  sampleCount: points.length,
  readSample: (index, into) => into.set(points[index] ?? []),
  truth: Int32Array.from(points, (_, index) => index % 2),
  epochs: 200,
  batchSize: 24,
  learningRate: 0.05,
  random: createSeededRandom(2),
  ...changes,
});

it("[TC18] learns what no straight line separates, to the same bytes every time", async () => {
  const first = await fitModel(runtime, network(), options());
  const second = await fitModel(runtime, network(), options());
  expect(first.losses).toHaveLength(200);
  expect(first.losses[199]).toBeLessThan(0.05);
  expect(second.model).toEqual(first.model);
  const otherOrder = await fitModel(runtime, network(), options({ random: createSeededRandom(3) }));
  expect(otherOrder.model).not.toEqual(first.model);
});

it("[TC18] fits targets, merges low-rank patches, and follows a schedule", async () => {
  const targets = Float32Array.from(points.flat(), (value) => 0.5 * value);
  const fitted = (learningRate: FitOptions["learningRate"]) =>
    fitModel(
      runtime,
      network(),
      options({
        plan: {
          scope: { lowRank: 1 },
          loss: { kind: "meanSquaredError" },
          optimizer: { kind: "momentum" },
        },
        truth: targets,
        learningRate,
        epochs: 20,
      }),
    );
  const falling = await fitted(0.05);
  expect(falling.losses[19]).toBeLessThan(0.7 * (falling.losses[0] ?? 0));
  expect(falling.model).not.toEqual(network());
  const constant = await fitted({ kind: "constant", rate: 0.05 });
  expect(constant.model).not.toEqual(falling.model);
  // Rates of 0: what is merged is nothing.
  expect((await fitted({ kind: "constant", rate: 0 })).model).toEqual(network());
});

it("[TC18] reads every sample at most once an epoch and says how far it is", async () => {
  const reads = new Uint32Array(points.length);
  const shares: number[] = [];
  await fitModel(
    runtime,
    network(),
    options({
      epochs: 30,
      readSample: (index, into) => {
        into.set(points[index] ?? []);
        reads[index] = (reads[index] ?? 0) + 1;
      },
      onProgress: (share) => shares.push(share),
    }),
  );
  // 2 batches of 24 an epoch: 16 of 64 samples wait for the next order.
  expect(reads.reduce((sum, count) => sum + count, 0)).toBe(30 * 48);
  expect(Math.max(...reads)).toBeLessThanOrEqual(30);
  expect(Math.min(...reads)).toBeGreaterThan(10);
  expect(shares.at(-1)).toBe(1);
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
});

it("[TC18] stops when it is told to, and refuses what is less than a batch", async () => {
  const stop = new AbortController();
  const stopped = fitModel(
    runtime,
    network(),
    options({ signal: stop.signal, onProgress: () => stop.abort(new Error("enough")) }),
  );
  await expect(stopped).rejects.toThrow("enough");
  await expect(fitModel(runtime, network(), options({ batchSize: 65 }))).rejects.toThrow(
    "fit.samples_missing",
  );
  await expect(
    fitModel(runtime, network(), options({ truth: Int32Array.of(0, 1) })),
  ).rejects.toThrow("fit.samples_missing");
});

it("[TC18] takes whole numbers as targets, and as labels where the loss has classes", async () => {
  const whole = (truth: FitOptions["truth"]) =>
    fitModel(
      runtime,
      network(),
      options({
        plan: { scope: "all", loss: { kind: "meanSquaredError" }, optimizer: { kind: "sgd" } },
        truth,
        epochs: 2,
      }),
    );
  const targets = Int32Array.from(points.flat(), Math.round);
  expect((await whole(targets)).model).toEqual((await whole(Float32Array.from(targets))).model);
});

it("[TC18] counts of epochs, samples and batches are whole", async () => {
  for (const changes of [{ epochs: 1.5 }, { epochs: 0 }, { batchSize: 2.5 }]) {
    await expect(fitModel(runtime, network(), options(changes))).rejects.toMatchObject({
      code: "fit.samples_missing",
    });
  }
});
