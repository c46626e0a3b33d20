// The gradient of a convolution by its weight, in several forms. Engines differ by factors in which of them is fastest.
import { type GraphEmitter, integer, integers } from "../graph/graphEmitter.ts";
import type { Window } from "../graph/window.ts";
import type { Form } from "../lowering/lowering.ts";
import { areTapsFew, positionsOf, seenBy } from "./windowTaps.ts";

/** A convolution whose gradient by its weight is wanted. */
export interface ConvWeightTask {
  readonly window: Window;
  readonly groups: number;
  /** Sizes of the weight `[filters, channels / groups, ...kernel]`. */
  readonly weight: readonly number[];
  /** The convolution's data `[batch, channels, ...inputSizes]`. */
  readonly image: string;
  /** Gradient by the convolution's output `[batch, filters, ...outputSizes]`. */
  readonly gradient: string;
}

const count = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

/** The forms that this convolution can take. */
export function convWeightForms(task: ConvWeightTask): readonly Form[] {
  const { window, weight, groups } = task;
  const forms: Form[] = [{ name: "oneImage", write: (emit) => oneImage(emit, task) }];
  if (!areTapsFew(window.kernel)) return forms;
  forms.push({ name: "unfold", write: (emit) => unfold(emit, task) });
  const isPlain = [...window.padsBefore, ...window.padsAfter].every((pad) => pad === 0);
  if (groups === 1) {
    forms.push({ name: "taps", write: (emit) => taps(emit, task) });
    if (isPlain && count(window.kernel) === 1) {
      forms.push({ name: "product", write: (emit) => product(emit, task) });
    }
  }
  if (weight[1] === 1) forms.push({ name: "channels", write: (emit) => channels(emit, task) });
  return forms;
}

/** The padded image with its axes in the order `perm`; `axisOf` says where a spatial axis has gone. */
function laidOut(
  emit: GraphEmitter,
  { window, image }: ConvWeightTask,
  perm: readonly number[],
): string {
  const turned = emit.node("Transpose", [image], { perm: integers(perm) });
  const pads = (of: readonly number[]): number[] =>
    perm.map((axis) => (axis < 2 ? 0 : (of[axis - 2] ?? 0)));
  const all = [...pads(window.padsBefore), ...pads(window.padsAfter)];
  return all.every((pad) => pad === 0) ? turned : emit.node("Pad", [turned, emit.integers(all)]);
}

/**
 * dW as one convolution over one image: the samples become channels, the channels a further spatial axis, and dY is the kernel, with
 * strides and dilations in each other's place. So the engine multiplies two large matrices, and the result lies as the weight does.
 *
 * Batch and channels merely swapped would make a tiny product per channel: measured half as fast. What the stride leaves over shows as
 * extra taps at the end, which are cut off.
 */
function oneImage(emit: GraphEmitter, task: ConvWeightTask): string {
  const { window, weight, groups } = task;
  const [, groupChannels = 1] = weight;
  const spatial = window.kernel.map((_, axis) => axis + 2);
  let { image } = task;
  if (groups > 1) {
    // [batch, groups, c, ...] to [groups x batch, c, ...]: each group convolves its own channels.
    const split = emit.integers([-1, groups, groupChannels, ...window.inputSizes]);
    image = emit.node("Reshape", [image, split]);
    const perm = integers([1, 0, 2, ...spatial.map((axis) => axis + 1)]);
    image = emit.node("Transpose", [image], { perm });
    image = emit.node("Reshape", [image, emit.integers([-1, groupChannels, ...window.inputSizes])]);
  }
  image = emit.node("Unsqueeze", [image, emit.integers([0])]);
  const perFilter = emit.node("Transpose", [task.gradient], { perm: integers([1, 0, ...spatial]) });
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
    const taken = Math.floor((padded - covered) / (window.dilations[axis] ?? 1)) + 1;
    return taken !== window.kernel[axis];
  });
  if (!hasExtra) return flat;
  return emit.node("Slice", [
    flat,
    emit.integers(window.kernel.map(() => 0)),
    emit.integers(window.kernel),
    emit.integers(spatial),
  ]);
}

/** All taps side by side, channels first: `[channels x taps, batch x places]`, then one product with dY for each group. */
function unfold(emit: GraphEmitter, task: ConvWeightTask): string {
  const { window, weight, groups } = task;
  const [filters = 1, groupChannels = 1] = weight;
  const spatial = window.kernel.map((_, axis) => axis + 2);
  const channelsFirst = [1, 0, ...spatial];
  const padded = laidOut(emit, task, channelsFirst);
  const tapped = positionsOf(window.kernel).map((tap) => seenBy(emit, window, padded, tap, 2));
  const [only = ""] = tapped;
  const columns =
    tapped.length === 1
      ? only
      : emit.node(
          "Concat",
          tapped.map((one) => emit.node("Unsqueeze", [one, emit.integers([1])])),
          { axis: integer(1) },
        );
  const perFilter = emit.node("Transpose", [task.gradient], { perm: integers(channelsFirst) });
  const rows = groupChannels * count(window.kernel);
  let result: string;
  if (groups === 1) {
    const right = emit.node("Reshape", [columns, emit.integers([rows, -1])]);
    const left = emit.node("Reshape", [perFilter, emit.integers([filters, -1])]);
    result = emit.node("Gemm", [left, right], { transB: integer(1) });
  } else {
    const right = emit.node("Reshape", [columns, emit.integers([groups, rows, -1])]);
    const left = emit.node("Reshape", [perFilter, emit.integers([groups, filters / groups, -1])]);
    const turned = emit.node("Transpose", [right], { perm: integers([0, 2, 1]) });
    result = emit.node("MatMul", [left, turned]);
  }
  return emit.node("Reshape", [result, emit.integers(weight)]);
}

/** Channels last, where what a tap sees is a matrix as it lies: one product a tap. */
function taps(emit: GraphEmitter, task: ConvWeightTask): string {
  const { window, weight } = task;
  const [filters = 1, groupChannels = 1] = weight;
  const channelsLast = [0, ...window.kernel.map((_, axis) => axis + 2), 1];
  const padded = laidOut(emit, task, channelsLast);
  const turned = emit.node("Transpose", [task.gradient], { perm: integers(channelsLast) });
  const left = emit.node("Reshape", [turned, emit.integers([-1, filters])]);
  const products = positionsOf(window.kernel).map((tap) => {
    const seen = seenBy(emit, window, padded, tap, 1);
    const right = emit.node("Reshape", [seen, emit.integers([-1, groupChannels])]);
    return emit.node("Gemm", [left, right], { transA: integer(1) });
  });
  return joinTaps(emit, products, 2, weight);
}

/** One product a sample, summed over the batch: for kernels that see one place. */
function product(emit: GraphEmitter, task: ConvWeightTask): string {
  const { window, weight } = task;
  const [filters = 1, channelCount = 1] = weight;
  const isStrided = window.strides.some((stride) => stride > 1);
  const first = window.kernel.map(() => 0);
  const seen = isStrided ? seenBy(emit, window, task.image, first, 2) : task.image;
  const flat = (value: string, size: number): string =>
    emit.node("Reshape", [value, emit.integers([0, size, count(window.outputSizes)])]);
  const turned = emit.node("Transpose", [flat(seen, channelCount)], { perm: integers([0, 2, 1]) });
  const each = emit.node("MatMul", [flat(task.gradient, filters), turned]);
  const sum = emit.node("ReduceSum", [each, emit.integers([0])], { keepdims: integer(0) });
  return emit.node("Reshape", [sum, emit.integers(weight)]);
}

/** A filter that sees one channel: multiply and sum a tap. Channels last, so that the sum runs over whole rows. */
function channels(emit: GraphEmitter, task: ConvWeightTask): string {
  const { window, weight, groups } = task;
  const perChannel = (weight[0] ?? 1) / groups;
  const spatial = window.kernel.map((_, axis) => axis + 2);
  const channelsLast = [0, ...spatial, 1];
  const padded = laidOut(emit, task, channelsLast);
  let turned = emit.node("Transpose", [task.gradient], { perm: integers(channelsLast) });
  if (perChannel > 1) {
    const split = [-1, ...window.outputSizes, groups, perChannel];
    turned = emit.node("Reshape", [turned, emit.integers(split)]);
  }
  const axes = emit.integers([0, ...spatial.map((axis) => axis - 1)]);
  const sums = positionsOf(window.kernel).map((tap) => {
    let seen = seenBy(emit, window, padded, tap, 1);
    if (perChannel > 1) seen = emit.node("Unsqueeze", [seen, emit.integers([-1])]);
    const both = emit.node("Mul", [seen, turned]);
    return emit.node("ReduceSum", [both, axes], { keepdims: integer(0) });
  });
  return joinTaps(emit, sums, perChannel > 1 ? 2 : 1, weight);
}

/** Results of single taps as the last axis of a weight. */
function joinTaps(
  emit: GraphEmitter,
  results: readonly string[],
  axis: number,
  weight: readonly number[],
): string {
  const [only = ""] = results;
  const joined =
    results.length === 1
      ? only
      : emit.node(
          "Concat",
          results.map((one) => emit.node("Unsqueeze", [one, emit.integers([axis])])),
          { axis: integer(axis) },
        );
  return emit.node("Reshape", [joined, emit.integers(weight)]);
}
