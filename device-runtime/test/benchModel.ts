// A small model that tells three made-up activities apart, trained by this package's own compiler, as a package with everything
// measured. And people who do them: some differ from what the model has learned.

import { unwrap } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { createSeededRandom } from "../src/adapters/seededRandom.ts";
import { buildPerceptron } from "../src/model/build/buildPerceptron.ts";
import { compileTraining } from "../src/model/compile/compileTraining.ts";
import { joinModel, splitModel } from "../src/model/parameters/splitModel.ts";
import { createTrainer } from "../src/model/session/createTrainer.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import { buildReference } from "../src/package/buildReference.ts";
import { createModelPackage } from "../src/package/createModelPackage.ts";
import { encodeModelPackage } from "../src/package/encodeModelPackage.ts";
import type { LabelledWindows } from "../src/package/labelledWindows.ts";
import { type Learning, learningDefaults } from "../src/package/learning.ts";
import type { ModelPackage } from "../src/package/modelPackage.ts";
import type { Preprocessing } from "../src/package/preprocessing.ts";
import { type ForkableRandom, gaussian, intBelow, type Random } from "../src/ports/random.ts";

export const labels = ["still", "walking", "running"] as const;

export const preprocessing: Preprocessing = {
  labels: [...labels],
  channels: ["x", "y", "z"].map((name) => ({ name, offset: 1, scale: 0.5 })),
  windowSamples: 2,
  hopSamples: 1,
  sampleRateHz: 1,
  layout: "channelsFirst",
};

/** Where each activity lies for an ordinary person, per channel, in raw units. */
const centres = [
  [1, 1, 1],
  [5, 1, -3],
  [-3, 5, 1],
] as const;

/** A window of one activity. `turn` is how far this person's activities are turned into each other: 0 for an ordinary one. */
export function windowOf(random: Random, label: number, turn = 0): Float32Array {
  const centre = centres[label] ?? centres[0];
  const other = centres[(label + 1) % 3] ?? centres[0];
  return Float32Array.from({ length: 6 }, (_, index) => {
    const channel = Math.floor(index / 2);
    const from = centre[channel] as number;
    const to = other[channel] as number;
    return from + turn * (to - from) + gaussian(random);
  });
}

/** So many labelled windows. */
export function windowsOf(random: Random, count: number, turn = 0): LabelledWindows {
  const windows = new Float32Array(count * 6);
  const truth = new Int32Array(count);
  for (let index = 0; index < count; index += 1) {
    truth[index] = intBelow(random, 3);
    windows.set(windowOf(random, truth[index] as number, turn), index * 6);
  }
  return { windows, labels: truth };
}

/** Units of the hidden layer; another number is another graph. */
const HIDDEN = 8;

/** Trains all parameters on ordinary people. */
async function trainShared(
  runtime: OrtRuntime,
  random: ForkableRandom,
  hidden: number,
): Promise<Uint8Array> {
  const model = buildPerceptron(
    { inputSize: 6, hidden: [hidden], classCount: 3 },
    random.fork("weights"),
  );
  const { graph, parameters } = unwrap(splitModel(model));
  const trainer = await createTrainer(
    runtime,
    unwrap(
      compileTraining(model, {
        scope: "all",
        loss: { kind: "crossEntropy" },
        optimizer: { kind: "adam" },
      }),
    ),
  );
  const { windows, labels: truth } = windowsOf(random.fork("training"), 16 * 200);
  const data = windows.map((value) => (value - 1) * 0.5);
  const { state } = await trainer.run(trainer.begin(parameters), {
    stepCount: 200,
    batchSize: 16,
    data,
    truth,
    learningRate: 0.02,
  });
  await trainer.release();
  return unwrap(joinModel(graph, state.parameters));
}

/** A whole package; the same one for the same seed and policies. */
export async function benchPackage(
  runtime: OrtRuntime,
  learning: Partial<Learning> = {},
  seed = "bench",
  hidden = HIDDEN,
): Promise<ModelPackage> {
  const random = createSeededRandom(seed);
  const model = await trainShared(runtime, random, hidden);
  const calibration = unwrap(
    await buildReference({
      model,
      preprocessing,
      fit: windowsOf(random.fork("fit"), 300),
      check: windowsOf(random.fork("check"), 300),
      runtime,
    }),
  );
  return unwrap(
    createModelPackage({
      line: "activity",
      model,
      preprocessing,
      calibration,
      learning: learningDefaults(learning),
    }),
  );
}

/** The file of a package. */
export const fileOf = (modelPackage: ModelPackage): Uint8Array =>
  encodeModelPackage(modelPackage, nodeCryptography);
