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
    context.wants(0) ? dataGradient(context, window) : undefined,
    context.wants(1) ? weightGradient(context, window, weight) : undefined,
    context.wants(2)
      ? emit.node("ReduceSum", [context.gradient, emit.integers(axes)], { keepdims: integer(0) })
      : undefined,
  ];
};

/**
 * dX is the transposed convolution of dY with the same weight. What a stride leaves over at the end of an axis is output padding:
 * `(size + pads - dilation (kernel - 1) - 1) mod stride`.
 */
function dataGradient(context: GradientContext, window: Window): string {
  const leftOver = window.inputSizes.map((size, axis) => {
    const padded = size + (window.padsBefore[axis] ?? 0) + (window.padsAfter[axis] ?? 0);
    const extent = (window.dilations[axis] ?? 1) * ((window.kernel[axis] ?? 1) - 1) + 1;
    return (padded - extent) % (window.strides[axis] ?? 1);
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
 * dW is a convolution of X with dY as its kernel: batch and channels change places, strides and dilations too. The stride's left-over
 * shows as extra taps at the end, which are cut off.
 */
function weightGradient(
  context: GradientContext,
  window: Window,
  weight: readonly number[],
): string {
  const { node, emit } = context;
  const groups = integerAttribute(node, "group", 1);
  const [filters = 1, groupChannels = 1] = weight;
  const spatial = window.kernel.map((_, axis) => axis + 2);
  let data = context.input(0);
  if (groups === 1) {
    data = emit.node("Transpose", [data], { perm: integers([1, 0, ...spatial]) });
  } else {
    // [batch, groups, c, ...] to [c, groups x batch, ...]: each group convolves its own channels.
    const split = emit.integers([-1, groups, groupChannels, ...window.inputSizes]);
    data = emit.node("Reshape", [data, split]);
    data = emit.node("Transpose", [data], {
      perm: integers([2, 1, 0, ...spatial.map((axis) => axis + 1)]),
    });
    data = emit.node("Reshape", [data, emit.integers([groupChannels, -1, ...window.inputSizes])]);
  }
  const kernel = emit.node("Transpose", [context.gradient], { perm: integers([1, 0, ...spatial]) });
  let result = emit.node("Conv", [data, kernel], {
    dilations: integers(window.strides),
    group: integer(groups),
    pads: integers([...window.padsBefore, ...window.padsAfter]),
    strides: integers(window.dilations),
  });
  const hasExtra = window.inputSizes.some((size, axis) => {
    const padded = size + (window.padsBefore[axis] ?? 0) + (window.padsAfter[axis] ?? 0);
    const covered = (window.strides[axis] ?? 1) * ((window.outputSizes[axis] ?? 1) - 1) + 1;
    const taps = Math.floor((padded - covered) / (window.dilations[axis] ?? 1)) + 1;
    return taps !== window.kernel[axis];
  });
  if (hasExtra) {
    result = emit.node("Slice", [
      result,
      emit.integers(window.kernel.map(() => 0)),
      emit.integers(window.kernel),
      emit.integers(spatial),
    ]);
  }
  // [c, filters, ...] to [filters, c, ...].
  return filters === 1 && groupChannels === 1
    ? result
    : emit.node("Transpose", [result], { perm: integers([1, 0, ...spatial]) });
}
