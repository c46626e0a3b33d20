// Gradient of `Slice` with any steps.
import type { Dim } from "../graph/dim.ts";
import { knownDim, resolveAxis } from "../graph/modelGraph.ts";
import { sliceSpan, takesAll } from "../graph/shapes/rearrange.ts";
import { constantIntegers } from "./constantIntegers.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";
import { padAxis, reverseAxis, spreadAxis } from "./rebuildAxis.ts";

/** dY at the indices that were taken, zeros between them: reversed where the step is negative, spread out, and padded. */
export const sliceGradient: GradientRule = (context) => {
  const { node } = context;
  const shape: Dim[] = [...context.shapeOf(context.input(0))];
  const starts = constantIntegers(context, 1, "starts") ?? [];
  const ends = constantIntegers(context, 2, "ends") ?? [];
  const axes = constantIntegers(context, 3, "axes") ?? starts.map((_, index) => index);
  const steps = constantIntegers(context, 4, "steps") ?? starts.map(() => 1);
  const current: Dim[] = [...context.shapeOf(context.output)];
  let gradient = context.gradient;
  axes.forEach((named, index) => {
    const axis = resolveAxis(node, named, shape.length);
    if (takesAll(starts[index] ?? 0, ends[index] ?? 0, steps[index] ?? 1)) return;
    const size = knownDim(node, shape[axis], `the size of axis ${axis}`);
    const step = steps[index] ?? 1;
    const taken = sliceSpan(size, starts[index] ?? 0, ends[index] ?? size, step);
    gradient = placed(context, gradient, current, axis, size, { ...taken, step });
    current[axis] = size;
  });
  return [gradient];
};

function placed(
  context: GradientContext,
  gradient: string,
  shape: readonly Dim[],
  axis: number,
  size: number,
  taken: { readonly first: number; readonly count: number; readonly step: number },
): string {
  const { first, count } = taken;
  const step = Math.abs(taken.step);
  const isBackwards = taken.step < 0 && count > 1;
  const from = count === 0 ? 0 : isBackwards ? first - (count - 1) * step : first;
  const ordered = isBackwards ? reverseAxis(context, gradient, axis) : gradient;
  const spread = spreadAxis(context, ordered, shape, axis, step);
  // The last element carries no gap behind it.
  const length = count === 0 ? 0 : (count - 1) * step + 1;
  return padAxis(context, spread, shape.length, axis, from, size - from - length);
}
