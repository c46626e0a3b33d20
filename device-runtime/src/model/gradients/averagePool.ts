// Gradient of `AveragePool` over any number of spatial axes, in several forms.
import type { GraphEmitter } from "../graph/graphEmitter.ts";
import { integerAttribute, knownDim } from "../graph/modelGraph.ts";
import { poolKernel, readWindow, type Window } from "../graph/window.ts";
import type { GradientRule } from "./gradientRule.ts";
import { spreadWindows } from "./spreadWindows.ts";

/** How many elements the window at `output` averages along one axis. */
function counted(window: Window, axis: number, output: number, includesPads: boolean): number {
  const size = window.inputSizes[axis] ?? 1;
  const before = window.padsBefore[axis] ?? 0;
  const after = window.padsAfter[axis] ?? 0;
  const start = output * (window.strides[axis] ?? 1) - before;
  let count = 0;
  for (let tap = 0; tap < (window.kernel[axis] ?? 1); tap += 1) {
    const at = start + tap * (window.dilations[axis] ?? 1);
    // Padding is counted where asked for; what a rounded-up last window covers beyond it never is.
    if (includesPads ? at >= -before && at < size + after : at >= 0 && at < size) count += 1;
  }
  return count;
}

/** 1 / (number of averaged elements) for every output position. */
function shares(window: Window, includesPads: boolean): number[] {
  let values = [1];
  window.outputSizes.forEach((size, axis) => {
    const counts = Array.from({ length: size }, (_, at) => counted(window, axis, at, includesPads));
    values = values.flatMap((value) => counts.map((count) => value / count));
  });
  return values;
}

/** Every element gets dY / count of each window that holds it. */
export const averagePoolGradient: GradientRule = (context) => {
  const { node } = context;
  const shape = context.shapeOf(context.input(0));
  const window = readWindow(node, shape, poolKernel(node));
  const channels = knownDim(node, shape[1], "the number of channels");
  const share = shares(window, integerAttribute(node, "count_include_pad", 0) !== 0);
  const scaled = (emit: GraphEmitter): string => {
    const isUniform = share.every((value) => value === share[0]);
    const weight = isUniform
      ? emit.scalar(share[0] ?? 1)
      : emit.floats([1, 1, ...window.outputSizes], share);
    return emit.node("Mul", [context.gradient, weight]);
  };
  return [context.lower("averagePool.data", spreadWindows(window, channels, scaled))];
};
