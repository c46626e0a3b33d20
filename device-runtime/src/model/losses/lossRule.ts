// What a loss writes into a training graph: once for all steps, and once a step.
import type { Shape } from "../graph/dim.ts";
import type { GraphEmitter } from "../graph/graphEmitter.ts";

interface WeightedLoss {
  /**
   * Whether each sample comes with a weight `>= 0`; the loss is then the weighted mean, and a weight of 0 pads a short batch.
   * False if left out.
   */
  readonly sampleWeights?: boolean;
}

/**
 * Teaching by the base: the raw scores of the base parameters are a second, softer truth. The base runs in the same graph; what is frozen
 * is computed once for both.
 */
export interface Distillation {
  /** Share of the soft truth in the loss, in `(0, 1]`; the labels have the rest. */
  readonly weight: number;
  /** Both scores are divided by it before the softmax, `> 0`; 2 if left out. */
  readonly temperature?: number;
}

/** Integer labels against logits `[batch, classes]`. */
export interface CrossEntropySpec extends WeightedLoss {
  readonly kind: "crossEntropy";
  /** Share of the truth that is spread evenly over all classes, in `[0, 1)`; 0 if left out. */
  readonly labelSmoothing?: number;
  /** Weight of each class, `>= 0`; all 1 if left out. The loss is divided by the weights of the labels that occur. */
  readonly classWeights?: readonly number[];
  /** Teaching by the base; none if left out. */
  readonly distillation?: Distillation;
}

/** Targets in `[0, 1]`, any number of which may be 1 at once, against raw scores of the same shape. */
export interface BinaryCrossEntropySpec extends WeightedLoss {
  readonly kind: "binaryCrossEntropy";
  /** Weight of the positive part of each score, `>= 0`, as long as the output's last axis; all 1 if left out. */
  readonly positiveWeights?: readonly number[];
}

/** Targets in the output's shape. */
export interface MeanSquaredErrorSpec extends WeightedLoss {
  readonly kind: "meanSquaredError";
}

/** Targets in the output's shape, outliers counting in proportion only. */
export interface HuberSpec extends WeightedLoss {
  readonly kind: "huber";
  /** Where a square turns into a line, `> 0`; 1 if left out. */
  readonly delta?: number;
}

/** Which loss. Plain data, safe in JSON. All are means over the batch, as PyTorch's are. */
export type LossSpec = CrossEntropySpec | BinaryCrossEntropySpec | MeanSquaredErrorSpec | HuberSpec;

/** A value that is computed ahead for all steps, and what one step sees of it. */
export interface PreparedValue {
  /** Name of the value for all steps. */
  readonly name: string;
  /** Whether each step gets its own slice, or all share it. */
  readonly isPerStep: boolean;
}

/** Work that does not depend on the parameters: done once for all steps of an epoch, where any number of leading axes may precede `[batch, ...]`. */
export interface LossPreparation {
  readonly emit: GraphEmitter;
  /** Labels or targets. */
  readonly truth: string;
  /** Rank of the truth of one step. */
  readonly truthRank: number;
  /** Sample weights, where the plan has them. */
  readonly weights: string | undefined;
  /** Shape of the model's output. */
  readonly output: Shape;
}

/** Work of one step. */
export interface LossStep {
  readonly emit: GraphEmitter;
  /** The model's output. */
  readonly output: string;
  readonly outputShape: Shape;
  /** What the base parameters give for the same batch, where {@link LossRule.asksBase}; nothing is differentiated through it. */
  readonly teacher: string;
  /** What was prepared, by the key under which it was prepared. */
  prepared(key: string): string;
}

/**
 * What a loss takes an output for: `"logits"` are made probabilities by a softmax over the classes, `"binary logits"` by a sigmoid each, and
 * `"values"` are compared as they are.
 */
export type RawScores = "logits" | "binary logits" | "values";

/** A loss. */
export interface LossRule {
  readonly scores: RawScores;
  /** Shape of the labels or targets of one step; turns away an output that the loss cannot take. */
  truthShape(output: Shape): Shape;
  readonly truthType: "int64" | "float32";
  /** Whether a step also needs the output of the base parameters. */
  readonly asksBase: boolean;
  prepare(context: LossPreparation): ReadonlyMap<string, PreparedValue>;
  /** The loss, a scalar, and its gradient by the output, in the output's shape. */
  step(context: LossStep): { readonly loss: string; readonly gradient: string };
}
