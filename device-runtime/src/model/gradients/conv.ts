// Gradient of `Conv` over any number of spatial axes, with groups, strides, pads and dilations.
import { integer, integers } from "../graph/graphEmitter.ts";
import { integerAttribute, knownDim } from "../graph/modelGraph.ts";
import { readWindow, type Window } from "../graph/window.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";

/** Gradients by data, weight and bias. */
export const convGradient: GradientRule = (context) => {
  const { node, emit } = context;
  const weight = context
    .shapeOf(context.input(1))
    .map((dim) => knownDim(node, dim, "the weight's shape"));
  const window = readWindow(node, context.shapeOf(context.input(0)), weight.slice(2));
  const axes = [0, ...window.kernel.map((_, axis) => axis + 2)];
  return [
    context.wants(0) ? dataGradient(context, window, weight) : undefined,
    context.wants(1) ? weightGradient(context, window, weight) : undefined,
    context.wants(2)
      ? emit.node("ReduceSum", [context.gradient, emit.integers(axes)], { keepdims: integer(0) })
      : undefined,
  ];
};

const extentOf = (window: Window, axis: number): number =>
  (window.dilations[axis] ?? 1) * ((window.kernel[axis] ?? 1) - 1) + 1;

/**
 * With stride 1, dX is a convolution of dY with the weight flipped and its channels swapped, which engines run three times faster than
 * the transposed convolution that serves every other case.
 */
function dataGradient(context: GradientContext, window: Window, weight: readonly number[]): string {
  const pads = [...window.padsBefore, ...window.padsAfter].map(
    (pad, index) => extentOf(window, index % window.kernel.length) - 1 - pad,
  );
  const isPlain = window.strides.every((stride) => stride === 1) && pads.every((pad) => pad >= 0);
  return isPlain
    ? flippedConvolution(context, window, weight, pads)
    : transposedConvolution(context, window);
}

function flippedConvolution(
  context: GradientContext,
  window: Window,
  weight: readonly number[],
  pads: readonly number[],
): string {
  const { node, emit } = context;
  const groups = integerAttribute(node, "group", 1);
  const [filters = 1, groupChannels = 1] = weight;
  const spatial = window.kernel.map((_, axis) => axis + 2);
  let swapped = context.input(1);
  if (groups === 1) {
    swapped = emit.node("Transpose", [swapped], { perm: integers([1, 0, ...spatial]) });
  } else {
    const split = [groups, filters / groups, groupChannels, ...window.kernel];
    swapped = emit.node("Reshape", [swapped, emit.integers(split)]);
    const perm = integers([0, 2, 1, ...spatial.map((axis) => axis + 1)]);
    swapped = emit.node("Transpose", [swapped], { perm });
    const joined = [groups * groupChannels, filters / groups, ...window.kernel];
    swapped = emit.node("Reshape", [swapped, emit.integers(joined)]);
  }
  if (window.kernel.some((size) => size > 1)) {
    const all = (value: number): string => emit.integers(spatial.map(() => value));
    const backwards = [all(-1), all(-1 - 2 ** 31), emit.integers(spatial), all(-1)];
    swapped = emit.node("Slice", [swapped, ...backwards]);
  }
  return emit.node("Conv", [context.gradient, swapped], {
    dilations: integers(window.dilations),
    group: integer(groups),
    pads: integers(pads),
  });
}

/**
 * dX as the transposed convolution of dY with the same weight. What a stride leaves over at the end of an axis is output padding:
 * `(size + pads - dilation (kernel - 1) - 1) mod stride`.
 */
function transposedConvolution(context: GradientContext, window: Window): string {
  const leftOver = window.inputSizes.map((size, axis) => {
    const padded = size + (window.padsBefore[axis] ?? 0) + (window.padsAfter[axis] ?? 0);
    return (padded - extentOf(window, axis)) % (window.strides[axis] ?? 1);
  });
  return context.emit.node("ConvTranspose", [context.gradient, context.input(1)], {
    dilations: integers(window.dilations),
    group: integer(integerAttribute(context.node, "group", 1)),
    kernel_shape: integers(window.kernel),
    output_padding: integers(leftOver),
    pads: integers([...window.padsBefore, ...window.padsAfter]),
    strides: integers(window.strides),
  });
}

/**
 * dW as one convolution over one image: the samples become channels, the channels a further spatial axis, and dY is the kernel, with
 * strides and dilations in each other's place. So the engine multiplies two large matrices, and the result lies as the weight does.
 *
 * Batch and channels merely swapped would make a tiny product per channel: measured half as fast. What the stride leaves over shows as
 * extra taps at the end, which are cut off.
 */
function weightGradient(
  context: GradientContext,
  window: Window,
  weight: readonly number[],
): string {
  const { node, emit } = context;
  const groups = integerAttribute(node, "group", 1);
  const [, groupChannels = 1] = weight;
  const spatial = window.kernel.map((_, axis) => axis + 2);
  let image = context.input(0);
  if (groups > 1) {
    // [batch, groups, c, ...] to [groups x batch, c, ...]: each group convolves its own channels.
    const split = emit.integers([-1, groups, groupChannels, ...window.inputSizes]);
    image = emit.node("Reshape", [image, split]);
    const perm = integers([1, 0, 2, ...spatial.map((axis) => axis + 1)]);
    image = emit.node("Transpose", [image], { perm });
    image = emit.node("Reshape", [image, emit.integers([-1, groupChannels, ...window.inputSizes])]);
  }
  image = emit.node("Unsqueeze", [image, emit.integers([0])]);
  const perFilter = emit.node("Transpose", [context.gradient], {
    perm: integers([1, 0, ...spatial]),
  });
  const kernel = emit.node("Unsqueeze", [perFilter, emit.integers([2])]);
  const result = emit.node("Conv", [image, kernel], {
    dilations: integers([1, ...window.strides]),
    group: integer(groups),
    pads: integers([0, ...window.padsBefore, 0, ...window.padsAfter]),
    strides: integers([1, ...window.dilations]),
  });
  const flat = emit.node("Squeeze", [result, emit.integers([0])]);
  const hasExtra = window.inputSizes.some((size, axis) => {
    const padded = size + (window.padsBefore[axis] ?? 0) + (window.padsAfter[axis] ?? 0);
    const covered = (window.strides[axis] ?? 1) * ((window.outputSizes[axis] ?? 1) - 1) + 1;
    const taps = Math.floor((padded - covered) / (window.dilations[axis] ?? 1)) + 1;
    return taps !== window.kernel[axis];
  });
  if (!hasExtra) return flat;
  return emit.node("Slice", [
    flat,
    emit.integers(window.kernel.map(() => 0)),
    emit.integers(window.kernel),
    emit.integers(spatial),
  ]);
}
