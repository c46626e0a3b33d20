// What a loss writes into a training graph: once for all steps, and once a step.
import type { Shape } from "../graph/dim.ts";
import type { GraphEmitter } from "../graph/graphEmitter.ts";

/** Which loss, and whether samples are weighted. Plain data, safe in JSON. */
export interface LossSpec {
  /** `crossEntropy`: integer labels against logits `[batch, classes]`. `meanSquaredError`: targets in the output's shape. */
  readonly kind: "crossEntropy" | "meanSquaredError";
  /**
   * Whether each sample comes with a weight `>= 0`; the loss is then the weighted mean, and a weight of 0 pads a short batch.
   * False if left out.
   */
  readonly sampleWeights?: boolean;
}

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
  /** What was prepared, by the key under which it was prepared. */
  prepared(key: string): string;
}

/** A loss. */
export interface LossRule {
  /** Shape of the labels or targets of one step; turns away an output that the loss cannot take. */
  truthShape(output: Shape): Shape;
  readonly truthType: "int64" | "float32";
  prepare(context: LossPreparation): ReadonlyMap<string, PreparedValue>;
  /** The loss, a scalar, and its gradient by the output, in the output's shape. */
  step(context: LossStep): { readonly loss: string; readonly gradient: string };
}
