// Gradient of `AveragePool` over any number of spatial axes, in several forms.

import { checkConstantRoom } from "../graph/constantRoom.ts";
import type { GraphEmitter } from "../graph/graphEmitter.ts";
import { integerAttribute, knownDim } from "../graph/modelGraph.ts";
import { poolKernel, reachOf, readWindow, type Window } from "../graph/window.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import type { GradientRule } from "./gradientRule.ts";
import { spreadWindows } from "./spreadWindows.ts";

/** How many elements the window at `output` averages along one axis. */
function counted(window: Window, axis: number, output: number, includesPads: boolean): number {
  const size = window.inputSizes[axis] ?? 1;
  const before = window.padsBefore[axis] ?? 0;
  const after = window.padsAfter[axis] ?? 0;
  const start = output * (window.strides[axis] ?? 1) - before;
  const dilation = window.dilations[axis] ?? 1;
  // Padding is counted where asked for; what a rounded-up last window covers beyond it never is.
  const [low, high] = includesPads ? [-before, size + after] : [0, size];
  const first = Math.max(0, Math.ceil((low - start) / dilation));
  const last = Math.min((window.kernel[axis] ?? 1) - 1, Math.ceil((high - start) / dilation) - 1);
  return Math.max(0, last - first + 1);
}

/** Whether no window reaches beyond what is counted, so that all of them average as many elements. */
function areInside(window: Window, includesPads: boolean): boolean {
  return window.inputSizes.every((size, axis) => {
    const before = window.padsBefore[axis] ?? 0;
    const after = window.padsAfter[axis] ?? 0;
    const reach = reachOf(window, axis);
    return includesPads ? reach <= before + size + after : before === 0 && reach <= size;
  });
}

/** 1 / (number of averaged elements) for every output position, or one for all of them. */
function shares(node: OnnxNode, window: Window, includesPads: boolean): number[] {
  const places = window.outputSizes.reduce((product, size) => product * size, 1);
  if (areInside(window, includesPads)) {
    return [window.kernel.reduce((share, size) => share / size, 1)];
  }
  checkConstantRoom(node, places);
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
  const share = shares(node, window, integerAttribute(node, "count_include_pad", 0) !== 0);
  const scaled = (emit: GraphEmitter): string => {
    const isUniform = share.every((value) => value === share[0]);
    const weight = isUniform
      ? emit.scalar(share[0] ?? 1)
      : emit.floats([1, 1, ...window.outputSizes], share);
    return emit.node("Mul", [context.gradient, weight]);
  };
  return [context.lower("averagePool.data", spreadWindows(node, window, channels, scaled))];
};
