// The gradient through "less the mean, divided by the deviation", which all normalizations share.
import { integer } from "../graph/graphEmitter.ts";
import type { GradientContext } from "./gradientRule.ts";

/** What a normalization works with, each repeating along the axes over which it is taken. */
export interface Moments {
  readonly mean: string;
  /** `1 / sqrt(variance + epsilon)`. */
  readonly inverse: string;
}

/** A normalisation whose forward pass has been written node by node, so that it need not be computed again. */
export interface KnownNormalization extends Moments {
  /** `(X - mean) / deviation`. */
  readonly normalized: string;
}

/** Mean and deviation of the data over some axes, as the operator itself finds them inside. */
export function momentsOf(
  { emit, input }: GradientContext,
  axes: readonly number[],
  epsilon: number,
): Moments {
  const over = emit.integers(axes);
  const mean = emit.node("ReduceMean", [input(0), over], { keepdims: integer(1) });
  const centred = emit.node("Sub", [input(0), mean]);
  const square = emit.node("Mul", [centred, centred]);
  const variance = emit.node("ReduceMean", [square, over], { keepdims: integer(1) });
  const deviation = emit.node("Sqrt", [emit.node("Add", [variance, emit.scalar(epsilon)])]);
  return { mean, inverse: emit.node("Div", [emit.scalar(1), deviation]) };
}

/** `(X - mean) / deviation`. */
export function normalizedData({ emit, input }: GradientContext, moments: Moments): string {
  return emit.node("Mul", [emit.node("Sub", [input(0), moments.mean]), moments.inverse]);
}

/**
 * dX where `slope` is the gradient by the normalized data N: `(slope - mean(slope) - N mean(slope N)) / deviation`.
 *
 * @see Ioffe and Szegedy 2015, section 3, the three equations for the gradients of x, mean and variance put together.
 */
export function throughNormalization(
  { emit }: GradientContext,
  axes: readonly number[],
  moments: Moments,
  normalized: string,
  slope: string,
): string {
  const over = emit.integers(axes);
  const mean = (value: string): string =>
    emit.node("ReduceMean", [value, over], { keepdims: integer(1) });
  const along = emit.node("Mul", [normalized, mean(emit.node("Mul", [slope, normalized]))]);
  const level = emit.node("Sub", [slope, mean(slope)]);
  return emit.node("Mul", [emit.node("Sub", [level, along]), moments.inverse]);
}
