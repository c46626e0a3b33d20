// A model package made on the spot, so that the example runs without any file: a small perceptron that tells two movements apart.
import {
  buildPerceptron,
  buildReference,
  compileTraining,
  createModelPackage,
  createTrainer,
  encodeModelPackage,
  joinModel,
  type LabelledWindows,
  learningDefaults,
  type Preprocessing,
  splitModel,
} from "@attune/device-runtime/model";
import { gaussian, loadNodeOrt, type Random } from "@attune/device-runtime/node";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { unwrap } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";

const preprocessing: Preprocessing = {
  labels: ["still", "walking"],
  channels: ["x", "y"].map((name) => ({ name, offset: 0, scale: 1 })),
  windowSamples: 2,
  hopSamples: 2,
  sampleRateHz: 1,
  layout: "channelsFirst",
};

/** A window around a centre per class, moved by `shift` for somebody unusual. */
function windowOf(random: Random, label: number, shift: number): Float32Array {
  const centre = label === 0 ? -1.5 : 1.5;
  return Float32Array.from({ length: 4 }, () => centre + shift + gaussian(random) / 2);
}

function windowsOf(random: Random, count: number): LabelledWindows {
  const windows = new Float32Array(count * 4);
  const labels = Int32Array.from({ length: count }, (_, index) => index % 2);
  labels.forEach((label, index) => windows.set(windowOf(random, label, 0), index * 4));
  return { windows, labels };
}

/** A window of somebody whose movements lie elsewhere. */
export function demoWindow(label: "still" | "walking", turn: number): Float32Array {
  return windowOf(createSeededRandom(`turn ${turn}`), label === "still" ? 0 : 1, 1.5);
}

/** The file of a package. */
export async function demoPackage(): Promise<Uint8Array> {
  const random = createSeededRandom("demo");
  const runtime = await loadNodeOrt();
  const fresh = buildPerceptron({ inputSize: 4, hidden: [8], classCount: 2 }, random);
  const { graph, parameters } = unwrap(splitModel(fresh));
  const plan = {
    scope: "all",
    loss: { kind: "crossEntropy" },
    optimizer: { kind: "adam" },
  } as const;
  const trainer = await createTrainer(runtime, unwrap(compileTraining(fresh, plan)));
  const { windows, labels } = windowsOf(random, 100 * 16);
  const { state } = await trainer.run(trainer.begin(parameters), {
    stepCount: 100,
    batchSize: 16,
    data: windows,
    truth: labels,
    learningRate: 0.02,
  });
  await trainer.release();
  const model = unwrap(joinModel(graph, state.parameters));
  const fit = windowsOf(random, 200);
  const check = windowsOf(random, 200);
  const calibration = unwrap(await buildReference({ model, preprocessing, fit, check, runtime }));
  const { trigger } = learningDefaults();
  // A life of months in a second: no pause between trainings.
  const learning = learningDefaults({
    plan: { ...plan, pullToBase: 0.01 },
    trigger: { ...trigger, coolDownMs: 0 },
  });
  return encodeModelPackage(
    unwrap(createModelPackage({ line: "activity", model, preprocessing, calibration, learning })),
    nodeCryptography,
  );
}
