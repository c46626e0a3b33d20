// Moves along one axis from which several gradients are made: reversing it, spreading it out, padding it, taking a part of it.
import type { Dim } from "../graph/dim.ts";
import { knownDim } from "../graph/modelGraph.ts";
import type { GradientContext } from "./gradientRule.ts";

const INT64_BELOW_ALL: number = -1 - 2 ** 31;

/** Part `from` to `to` of an axis. */
export function takeAxis(
  { emit }: GradientContext,
  value: string,
  axis: number,
  from: number,
  to: number,
): string {
  return emit.node("Slice", [
    value,
    emit.integers([from]),
    emit.integers([to]),
    emit.integers([axis]),
  ]);
}

/** The axis backwards. */
export function reverseAxis({ emit }: GradientContext, value: string, axis: number): string {
  return emit.node("Slice", [
    value,
    emit.integers([-1]),
    emit.integers([INT64_BELOW_ALL]),
    emit.integers([axis]),
    emit.integers([-1]),
  ]);
}

/** Zeros before and behind an axis; negative numbers cut off. */
export function padAxis(
  { emit }: GradientContext,
  value: string,
  rank: number,
  axis: number,
  before: number,
  behind: number,
): string {
  if (before === 0 && behind === 0) return value;
  const pads = Array.from({ length: 2 * rank }, (_, index) =>
    index === axis ? before : index === axis + rank ? behind : 0,
  );
  return emit.node("Pad", [value, emit.integers(pads)]);
}

/** `step - 1` zeros between the elements of an axis. */
export function spreadAxis(
  context: GradientContext,
  value: string,
  shape: readonly Dim[],
  axis: number,
  step: number,
): string {
  const { emit, node } = context;
  const count = knownDim(node, shape[axis], `the size of axis ${axis}`);
  if (step === 1 || count <= 1) return value;
  const apart = emit.node("Unsqueeze", [value, emit.integers([axis + 1])]);
  const gapped = padAxis(context, apart, shape.length + 1, axis + 1, 0, step - 1);
  // Axes in front copy their size.
  const joined = shape.map((dim, other) =>
    other < axis
      ? 0
      : other === axis
        ? count * step
        : knownDim(node, dim, `the size of axis ${other}`),
  );
  const long = emit.node("Reshape", [gapped, emit.integers(joined)]);
  return takeAxis(context, long, axis, 0, (count - 1) * step + 1);
}
