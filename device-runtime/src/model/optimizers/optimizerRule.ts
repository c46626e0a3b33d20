// What an optimizer writes into a training graph.
import type { GraphEmitter } from "../graph/graphEmitter.ts";

/**
 * Which optimizer, with PyTorch's meaning and defaults. Plain data, safe in JSON. The learning rate is not here: it comes with
 * every step.
 */
export type OptimizerSpec =
  | {
      readonly kind: "sgd";
      /** Added to the gradient times the parameter; 0 if left out. */
      readonly weightDecay?: number;
    }
  | {
      /** `nesterov`: momentum that looks one step ahead. */
      readonly kind: "momentum" | "nesterov";
      /** In `[0, 1)`; 0.9 if left out. */
      readonly momentum?: number;
      /** Added to the gradient times the parameter; 0 if left out. */
      readonly weightDecay?: number;
    }
  | {
      readonly kind: "adam" | "adamw";
      /** In `[0, 1)`; 0.9 if left out. */
      readonly beta1?: number;
      /** In `[0, 1)`; 0.999 if left out. */
      readonly beta2?: number;
      /** Positive; 1e-8 if left out. */
      readonly epsilon?: number;
      /** `adam`: added to the gradient times the parameter, 0 if left out. `adamw`: taken off the parameter directly, 0.01 if left out. */
      readonly weightDecay?: number;
    };

/** Values that all parameters share in one step. */
export interface StepScalars {
  readonly emit: GraphEmitter;
  /** Float32 scalar. */
  readonly learningRate: string;
  /** Int64 scalar: number of this step, the first is 1. */
  readonly stepNumber: string;
}

/** One parameter in one step. */
export interface ParameterStep extends StepScalars {
  readonly parameter: string;
  /** In the parameter's shape. */
  readonly gradient: string;
  /** State of this parameter, in the order of {@link OptimizerRule.states}. */
  readonly states: readonly string[];
}

/** New values, in the same order. */
export interface UpdatedParameter {
  readonly parameter: string;
  readonly states: readonly string[];
}

/** An optimizer with its settings filled in. */
export interface OptimizerRule {
  /** Names of what is kept for each parameter, each in the parameter's shape and 0 at the start. */
  readonly states: readonly string[];
  /** Writes what all parameters share and returns the update of one. */
  begin(scalars: StepScalars): (step: Omit<ParameterStep, keyof StepScalars>) => UpdatedParameter;
}
