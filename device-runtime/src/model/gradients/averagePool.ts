// Gradient of `AveragePool` over any number of spatial axes.
import { integer, integers } from "../graph/graphEmitter.ts";
import { integerAttribute, knownDim } from "../graph/modelGraph.ts";
import { poolKernel, readWindow, type Window } from "../graph/window.ts";
import type { GradientRule } from "./gradientRule.ts";

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

/**
 * Every element gets dY / count of each window that holds it: a transposed convolution with a kernel of ones, all channels as
 * samples of their own.
 */
export const averagePoolGradient: GradientRule = (context) => {
  const { node, emit } = context;
  const shape = context.shapeOf(context.input(0));
  const window = readWindow(node, shape, poolKernel(node));
  const channels = knownDim(node, shape[1], "the number of channels");
  const share = shares(window, integerAttribute(node, "count_include_pad", 0) !== 0);
  const isUniform = share.every((value) => value === share[0]);
  const weight = isUniform
    ? emit.scalar(share[0] ?? 1)
    : emit.floats([1, 1, ...window.outputSizes], share);
  const scaled = emit.node("Mul", [context.gradient, weight]);
  const flat = emit.node("Reshape", [scaled, emit.integers([-1, 1, ...window.outputSizes])]);
  // A window that was rounded up reaches past the padding: widen the padding, so that the size comes out as it was.
  const padsAfter = window.inputSizes.map((size, axis) => {
    const extent = (window.dilations[axis] ?? 1) * ((window.kernel[axis] ?? 1) - 1) + 1;
    const reach = ((window.outputSizes[axis] ?? 1) - 1) * (window.strides[axis] ?? 1) + extent;
    return reach - size - (window.padsBefore[axis] ?? 0);
  });
  const kernelSize = window.kernel.reduce((product, size) => product * size, 1);
  const ones = emit.floats([1, 1, ...window.kernel], new Float32Array(kernelSize).fill(1));
  const spread = emit.node("ConvTranspose", [flat, ones], {
    dilations: integers(window.dilations),
    group: integer(1),
    kernel_shape: integers(window.kernel),
    output_padding: integers(padsAfter.map((pad) => Math.max(0, -pad))),
    pads: integers([...window.padsBefore, ...padsAfter.map((pad) => Math.max(0, pad))]),
    strides: integers(window.strides),
  });
  return [emit.node("Reshape", [spread, emit.integers([-1, channels, ...window.inputSizes])])];
};
