// What the rivals of `train-step` train: four networks of the kinds that devices run, each with batches and fresh weights from one seed.
import {
  buildNetwork,
  type LayerSpec,
  type NetworkSpec,
  readParameters,
} from "@attune/device-runtime/model";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { elementCount, type ParameterSet, unwrap } from "@attune/protocol";

/** Names of the networks. */
export type TaskName = "perceptron" | "har-cnn" | "keyword-net" | "gru";

/** A network and what to train it on: cross-entropy, SGD, one thread. */
export interface TrainingTask {
  readonly name: TaskName;
  /** What it is, for a person. */
  readonly title: string;
  readonly spec: NetworkSpec;
  /** ONNX with fresh weights. */
  readonly model: Uint8Array;
  readonly parameters: ParameterSet;
  readonly classCount: number;
  readonly batchSize: number;
  /** Batches to go round in; also the steps of one slice, some tens of milliseconds. */
  readonly batchCount: number;
  /** `[batchCount, batchSize, ...input]`. */
  readonly data: Float32Array;
  /** `[batchCount, batchSize]`. */
  readonly labels: Int32Array;
  readonly learningRate: number;
}

interface TaskShape {
  readonly title: string;
  readonly input: readonly number[];
  readonly layers: readonly LayerSpec[];
  readonly classCount: number;
  readonly batchSize: number;
  readonly batchCount: number;
}

/** One depthwise-separable block: a filter a channel, then a mix of channels. */
const separable = (channels: number): LayerSpec[] => [
  { kind: "convolution", filters: channels, kernel: 3, groups: channels, activation: "relu" },
  { kind: "convolution", filters: channels, kernel: 1, activation: "relu" },
];

const shapes: Readonly<Record<TaskName, TaskShape>> = {
  perceptron: {
    title: "perceptron 561-64-6, batch 32",
    input: [561],
    layers: [
      { kind: "dense", units: 64, activation: "relu" },
      { kind: "dense", units: 6 },
    ],
    classCount: 6,
    batchSize: 32,
    batchCount: 200,
  },
  "har-cnn": {
    title: "activity CNN 6x128, three convolutions, 24,038 parameters, batch 16",
    input: [6, 128],
    layers: [
      { kind: "convolution", filters: 32, kernel: 5, activation: "relu" },
      { kind: "maxPool", size: 2 },
      { kind: "convolution", filters: 64, kernel: 5, activation: "relu" },
      { kind: "maxPool", size: 2 },
      { kind: "convolution", filters: 64, kernel: 3, activation: "relu" },
      { kind: "globalAveragePool" },
      { kind: "dense", units: 6 },
    ],
    classCount: 6,
    batchSize: 16,
    batchCount: 8,
  },
  "keyword-net": {
    title: "keyword net 49x10, four depthwise-separable blocks of 64, batch 16",
    input: [1, 49, 10],
    layers: [
      {
        kind: "convolution",
        filters: 64,
        kernel: [10, 4],
        stride: 2,
        padding: "valid",
        activation: "relu",
      },
      ...separable(64),
      ...separable(64),
      ...separable(64),
      ...separable(64),
      { kind: "globalAveragePool" },
      { kind: "dense", units: 12 },
    ],
    classCount: 12,
    batchSize: 16,
    batchCount: 4,
  },
  gru: {
    title: "GRU 12x6, 32 units, batch 16",
    input: [12, 6],
    layers: [
      { kind: "gru", units: 32 },
      { kind: "dense", units: 6 },
    ],
    classCount: 6,
    batchSize: 16,
    batchCount: 50,
  },
};

/** All tasks, the quick one first. */
export const taskNames: readonly TaskName[] = ["perceptron", "har-cnn", "keyword-net", "gru"];

/** Makes a task; the same one every time and everywhere. */
export function createTrainingTask(name: TaskName): TrainingTask {
  const { title, input, layers, classCount, batchSize, batchCount } = shapes[name];
  const random = createSeededRandom(`train-step ${name}`);
  const spec: NetworkSpec = { input, layers };
  const model = buildNetwork(spec, random);
  const unit = (): number => random.nextUint32() / 2 ** 32;
  const sampleCount = batchCount * batchSize;
  return {
    name,
    title,
    spec,
    model,
    parameters: unwrap(readParameters(model)),
    classCount,
    batchSize,
    batchCount,
    data: Float32Array.from({ length: sampleCount * elementCount(input) }, () => 2 * unit() - 1),
    labels: Int32Array.from({ length: sampleCount }, () => Math.floor(unit() * classCount)),
    learningRate: 0.01,
  };
}
