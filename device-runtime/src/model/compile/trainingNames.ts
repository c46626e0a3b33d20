// Names of the inputs and outputs of training graphs. The step graph and the epoch graph use the same ones.

/** Everything that a training graph adds begins so; a model that already uses such a name is turned away. */
export const TRAINING_PREFIX = "train:";

/** Names of inputs and outputs. Per-parameter ones are made from the parameter's name. */
export const trainingNames = {
  /** The first data input `[batch, ...]`; in the epoch graph `[steps, batch, ...]`. */
  data: "train:data",
  /** Data input `index` of the model. */
  dataOf: (name: string, index: number): string =>
    index === 0 ? "train:data" : `train:data:${name}`,
  /** Int64 `[batch]` for cross-entropy, float32 `[batch, ...]` for mean squared error; epoch: with steps before. */
  truth: "train:truth",
  /** Float32 `[batch]`, where the plan has sample weights; epoch: with steps before. */
  sampleWeights: "train:sampleWeights",
  /** Float32 scalar; epoch: `[steps]`. */
  learningRate: "train:learningRate",
  /** Int64 scalar: steps done before. */
  stepCount: "train:stepCount",
  /** Int64 scalar: steps done after. */
  nextStepCount: "train:next:stepCount",
  /** Float32 scalar; epoch: `[steps]`. */
  loss: "train:loss",
  parameter: (name: string): string => `train:parameter:${name}`,
  nextParameter: (name: string): string => `train:next:parameter:${name}`,
  /** State of the optimizer for a parameter. */
  state: (state: string, name: string): string => `train:${state}:${name}`,
  nextState: (state: string, name: string): string => `train:next:${state}:${name}`,
  /** Base value, where the plan pulls to it. */
  base: (name: string): string => `train:base:${name}`,
  /** Output of the step graph only. */
  gradient: (name: string): string => `train:gradient:${name}`,
} as const;
