// Gradient of `Pad`: constant, reflect, edge and wrap.

import { integer } from "../graph/graphEmitter.ts";
import { knownDim, nodeText, resolveAxis, textAttribute } from "../graph/modelGraph.ts";
import { turnAway } from "../turnAway.ts";
import { constantIntegers } from "./constantIntegers.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";
import { padAxis, reverseAxis, takeAxis } from "./rebuildAxis.ts";

/** What stands in the padding goes back to the elements that it was copied from; constant padding goes nowhere. */
export const padGradient: GradientRule = (context) => {
  const { node } = context;
  const shape = context.shapeOf(context.input(0));
  const pads = constantIntegers(context, 1, "pads") ?? [];
  const named = constantIntegers(context, 3, "axes") ?? shape.map((_, axis) => axis);
  const mode = textAttribute(node, "mode", "constant");
  if (context.wants(2)) {
    turnAway("model.operator_unsupported", `${nodeText(node)}: no gradient by the padded value`);
  }
  let gradient = context.gradient;
  named.forEach((one, index) => {
    const axis = resolveAxis(node, one, shape.length);
    const before = pads[index] ?? 0;
    const behind = pads[index + named.length] ?? 0;
    if (before === 0 && behind === 0) return;
    gradient =
      mode === "constant"
        ? padAxis(context, gradient, shape.length, axis, -before, -behind)
        : folded(context, gradient, mode, {
            axis,
            rank: shape.length,
            size: knownDim(node, shape[axis], `the size of axis ${axis}`),
            before,
            behind,
          });
  });
  return [gradient];
};

interface PaddedAxis {
  readonly axis: number;
  readonly rank: number;
  readonly size: number;
  readonly before: number;
  readonly behind: number;
}

function folded(context: GradientContext, gradient: string, mode: string, at: PaddedAxis): string {
  const { emit, node } = context;
  const { axis, rank, size, before, behind } = at;
  const longest = Math.max(before, behind);
  const isShort = mode === "reflect" ? longest < size : mode !== "wrap" || longest <= size;
  if (before < 0 || behind < 0 || !isShort) {
    return turnAway(
      "model.operator_unsupported",
      `${nodeText(node)} pads ${size} elements by ${before} and ${behind} in mode ${mode}; no gradient for that`,
    );
  }
  const total = before + size + behind;
  const place = (value: string, from: number, length: number): string =>
    padAxis(context, value, rank, axis, from, size - from - length);
  const summed = (value: string): string =>
    emit.node("ReduceSum", [value, emit.integers([axis])], { keepdims: integer(1) });
  const parts = [takeAxis(context, gradient, axis, before, before + size)];
  const front = (): string => takeAxis(context, gradient, axis, 0, before);
  const back = (): string => takeAxis(context, gradient, axis, total - behind, total);
  const isReflected = mode === "reflect";
  if (before > 0) {
    if (mode === "edge") parts.push(place(summed(front()), 0, 1));
    else if (isReflected) parts.push(place(reverseAxis(context, front(), axis), 1, before));
    else parts.push(place(front(), size - before, before));
  }
  if (behind > 0) {
    if (mode === "edge") parts.push(place(summed(back()), size - 1, 1));
    else if (isReflected) {
      parts.push(place(reverseAxis(context, back(), axis), size - 1 - behind, behind));
    } else parts.push(place(back(), 0, behind));
  }
  return parts.reduce((sum, part) => emit.node("Add", [sum, part]));
}
