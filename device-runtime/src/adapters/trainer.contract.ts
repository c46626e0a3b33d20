// What every TrainerPort does. A suite hands in a way to make one.
import { type ParameterSet, unwrap } from "@attune/protocol";
import { afterEach, beforeEach, expect, it } from "vitest";
import { buildPerceptron } from "../model/build/buildPerceptron.ts";
import type { TrainingPlan } from "../model/compile/trainingPlan.ts";
import { splitModel } from "../model/parameters/splitModel.ts";
import type { TrainingSlice, TrainingState } from "../model/session/createTrainer.ts";
import { gaussian, intBelow } from "../ports/random.ts";
import type { TrainerPort, TrainingJob, TrainingTask } from "../ports/trainer.ts";
import { createSeededRandom } from "./seededRandom.ts";

const model = buildPerceptron(
  { inputSize: 6, hidden: [8], classCount: 3 },
  createSeededRandom("trainer contract"),
);
const parameters: ParameterSet = unwrap(splitModel(model)).parameters;
const plan: TrainingPlan = {
  scope: "head",
  loss: { kind: "crossEntropy" },
  optimizer: { kind: "adam" },
  pullToBase: 0.01,
};
const task = (device: string, overrides: Partial<TrainingTask> = {}): TrainingTask => ({
  device,
  key: "perceptron/head",
  model: () => model,
  plan,
  start: { kind: "fresh", parameters, base: parameters },
  ...overrides,
});

const BATCH = 4;

/** Steps `from` to `from + stepCount` of one endless training. */
function slice(from: number, stepCount: number): TrainingSlice & { readonly data: Float32Array } {
  const batchSize = BATCH;
  const data = new Float32Array(stepCount * batchSize * 6);
  const truth = new Int32Array(stepCount * batchSize);
  for (let step = 0; step < stepCount; step += 1) {
    const random = createSeededRandom(`step ${from + step}`);
    for (let row = 0; row < batchSize; row += 1) {
      const at = step * batchSize + row;
      truth[at] = intBelow(random, 3);
      for (let value = 0; value < 6; value += 1) data[at * 6 + value] = gaussian(random);
    }
  }
  return { stepCount, batchSize, data, truth, learningRate: 0.01 };
}

/** Trains steps `from` to `from + stepCount` of a training of 12, all of whose samples are looked at together, as a job does. */
async function train(job: TrainingJob, from: number, stepCount: number): Promise<Float32Array> {
  const features = await job.featuresOf(slice(0, 12).data, 12 * BATCH);
  const size = features.length / 12;
  const data = features.subarray(from * size, (from + stepCount) * size);
  return job.runSlice({ ...slice(from, stepCount), data });
}

const bytesOf = (state: TrainingState): readonly (readonly number[])[] =>
  [...state.parameters, ...state.optimizer].map(({ data }) => [
    ...new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  ]);

/** The state after 12 steps in one go, which every trainer of this engine must reach. */
async function straight(trainer: TrainerPort): Promise<TrainingState> {
  const job = await trainer.begin(task("straight"));
  await train(job, 0, 12);
  const state = await job.checkpoint();
  job.release();
  return state;
}

/** Runs the suite. */
export function trainerContract(name: string, open: () => TrainerPort): void {
  let trainer: TrainerPort;
  beforeEach(() => {
    trainer = open();
  });
  afterEach(() => trainer.close());

  it(`[DR50] ${name}: training changes the scope's parameters and nothing else`, async () => {
    const job = await trainer.begin(task("a"));
    const losses = await train(job, 0, 5);
    expect(losses).toHaveLength(5);
    const state = await job.checkpoint();
    expect(state.stepCount).toBe(5);
    expect(state.parameters.map((tensor) => tensor.name)).toEqual(["head.bias", "head.weight"]);
    const before = parameters.find((tensor) => tensor.name === "head.weight");
    expect(state.parameters[1]?.data).not.toEqual(before?.data);
    job.release();
    job.release();
  });

  it(`[DR51] ${name}: cut anywhere, a training resumes to the same bytes`, async () => {
    const whole = bytesOf(await straight(trainer));
    for (const cut of [1, 5, 11]) {
      const first = await trainer.begin(task("a"));
      await train(first, 0, cut);
      const state = structuredClone(await first.checkpoint());
      first.release();
      const second = await trainer.begin(task("a", { start: { kind: "resume", state } }));
      await train(second, cut, 12 - cut);
      expect(bytesOf(await second.checkpoint())).toEqual(whole);
      second.release();
    }
  });

  it(`[DR50] ${name}: jobs side by side do not touch each other, and take turns by device`, async () => {
    const whole = bytesOf(await straight(trainer));
    const order: string[] = [];
    const jobs = await Promise.all(["a", "a", "b"].map((device) => trainer.begin(task(device))));
    // Long enough that everything else has been asked for when it is done.
    const ahead = await trainer.begin(task("z"));
    const long = slice(0, 3000);
    const data = await ahead.featuresOf(long.data, 3000 * BATCH);
    const longSlice = ahead.runSlice({ ...long, data });
    await Promise.all(
      jobs.flatMap((job, index) => {
        const steps = index === 2 ? 4 : 1;
        return Array.from({ length: 12 / steps }, async (_, turn) => {
          await train(job, turn * steps, steps);
          order.push(`job ${index}`);
        });
      }),
    );
    await longSlice;
    ahead.release();
    for (const job of jobs) {
      expect(bytesOf(await job.checkpoint())).toEqual(whole);
      job.release();
    }
    // All 24 slices of the one device were asked for before the three of the other, which took turns with them.
    expect(order.lastIndexOf("job 2") - 2).toBeLessThanOrEqual(4);
  });

  it(`[DR55] ${name}: what is frozen in front has seen each sample before the slices; a scope that reaches the samples takes them`, async () => {
    const samples = slice(0, 50).data;
    const job = await trainer.begin(task("a"));
    const features = await job.featuresOf(samples, 200);
    job.release();
    const hidden = parameters.filter((tensor) => tensor.name.startsWith("hidden1"));
    const [bias, weight] = hidden.map(({ data }) => data);
    expect(features).toHaveLength(200 * 8);
    for (const index of [0, 63, 64, 199]) {
      const expected = Array.from({ length: 8 }, (_, unit) => {
        let sum = bias?.[unit] ?? 0;
        for (let at = 0; at < 6; at += 1) {
          sum += (samples[6 * index + at] ?? 0) * (weight?.[6 * unit + at] ?? 0);
        }
        return expect.closeTo(Math.max(0, sum), 5);
      });
      expect([...features.subarray(8 * index, 8 * index + 8)]).toEqual(expected);
    }
    const all = { key: "perceptron/all", plan: { ...plan, scope: "all" } } as const;
    const whole = await trainer.begin(task("a", all));
    expect(await whole.featuresOf(samples, 200)).toEqual(samples);
    whole.release();
  });

  it(`[DR54] ${name}: what low-rank patches learned comes back in their weights, also after a cut`, async () => {
    const lowRank = { ...plan, scope: { lowRank: 1 }, pullToBase: 0 } as const;
    const patching = (start: TrainingTask["start"]) =>
      trainer.begin(task("a", { key: "perceptron/low rank", plan: lowRank, start }));
    const fresh = { kind: "fresh", parameters, base: parameters } as const;
    const whole = await patching(fresh);
    const before = await whole.parameters();
    await train(whole, 0, 12);
    const learned = await whole.parameters();
    whole.release();
    expect(before.map((tensor) => tensor.name)).toEqual(["head.weight", "hidden1.weight"]);
    for (const [index, { name: weight, dims, data }] of before.entries()) {
      expect(parameters.find((tensor) => tensor.name === weight)).toEqual({
        name: weight,
        dims,
        data,
      });
      expect(learned[index]?.data).not.toEqual(data);
    }
    const first = await patching(fresh);
    await train(first, 0, 5);
    const state = structuredClone(await first.checkpoint());
    first.release();
    const second = await patching({ kind: "resume", state });
    await train(second, 5, 7);
    expect(await second.parameters()).toEqual(learned);
    second.release();
  });

  it(`[DR50] ${name}: a model that is known is not asked for again`, async () => {
    let asked = 0;
    const counted = {
      model: () => {
        asked += 1;
        return model;
      },
    };
    for (let index = 0; index < 3; index += 1) {
      (await trainer.begin(task("a", counted))).release();
    }
    expect(asked).toBe(1);
  });

  it(`[DR50] ${name}: a plan that does not compile is a fault with the compiler's reason`, async () => {
    await expect(
      trainer.begin(task("a", { key: "other", plan: { ...plan, scope: { names: ["nobody"] } } })),
    ).rejects.toMatchObject({ code: "trainer.model_refused" });
    (await trainer.begin(task("a"))).release();
  });

  it(`[DR50] ${name}: after close everything is trainer.closed`, async () => {
    const job = await trainer.begin(task("a"));
    await trainer.close();
    await expect(job.runSlice(slice(0, 1))).rejects.toMatchObject({ code: "trainer.closed" });
    await expect(job.featuresOf(new Float32Array(6), 1)).rejects.toMatchObject({
      code: "trainer.closed",
    });
    await expect(job.parameters()).rejects.toMatchObject({ code: "trainer.closed" });
    await expect(trainer.begin(task("a"))).rejects.toMatchObject({ code: "trainer.closed" });
  });
}
