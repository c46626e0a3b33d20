// The gradient of a convolution by its data, in several forms.
import { type GraphEmitter, integer, integers } from "../graph/graphEmitter.ts";
import { extentOf, type Window } from "../graph/window.ts";
import type { Form } from "../lowering/lowering.ts";

/** A convolution whose gradient by its data is wanted. */
export interface ConvDataTask {
  readonly window: Window;
  readonly groups: number;
  /** Sizes of the weight `[filters, channels / groups, ...kernel]`. */
  readonly weight: readonly number[];
  readonly weightName: string;
  /** Gradient by the convolution's output. */
  readonly gradient: string;
}

/** Axes of the kernel in a weight, or of space in data. */
const spatialAxes = (window: Window): number[] => window.kernel.map((_, axis) => axis + 2);

/** The forms that this convolution can take. */
export function convDataForms(task: ConvDataTask): readonly Form[] {
  const { window } = task;
  const isStrided = window.strides.some((stride) => stride > 1);
  const before = window.padsBefore.map((pad, axis) => extentOf(window, axis) - 1 - pad);
  // What is left of the axis behind the stuffed gradient; a strided one brings up to stride - 1 zeros of its own.
  const after = window.inputSizes.map((size, axis) => {
    const covered = (window.outputSizes[axis] ?? 1) * (window.strides[axis] ?? 1);
    return size + (window.padsBefore[axis] ?? 0) - covered;
  });
  const fits =
    before.every((pad) => pad >= 0) &&
    after.every((pad, axis) => pad > -(window.strides[axis] ?? 1));
  const forms: Form[] = [{ name: "transposed", write: (emit) => transposed(emit, task) }];
  if (fits) {
    forms.push(
      isStrided
        ? { name: "stuffed", write: (emit) => stuffed(emit, task, before, after) }
        : { name: "flipped", write: (emit) => flipped(emit, task, task.gradient, before, after) },
    );
  }
  return forms;
}

/** A convolution of the gradient, without a stride, with the weight flipped and its channels swapped. */
function flipped(
  emit: GraphEmitter,
  { window, groups, weight, weightName }: ConvDataTask,
  gradient: string,
  before: readonly number[],
  after: readonly number[],
): string {
  const [filters = 1, groupChannels = 1] = weight;
  const spatial = spatialAxes(window);
  let swapped = weightName;
  if (groups === 1) {
    swapped = emit.node("Transpose", [swapped], { perm: integers([1, 0, ...spatial]) });
  } else if (filters > groups || groupChannels > 1) {
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
  return emit.node("Conv", [gradient, swapped], {
    dilations: integers(window.dilations),
    group: integer(groups),
    pads: integers([...before, ...after]),
  });
}

/** Zeros between the elements of the gradient undo the stride: unsqueezed, padded and reshaped, so that it works with any batch. */
function stuffed(
  emit: GraphEmitter,
  task: ConvDataTask,
  before: readonly number[],
  after: readonly number[],
): string {
  const { window, weight } = task;
  const rank = window.kernel.length;
  let spread = emit.node("Unsqueeze", [
    task.gradient,
    emit.integers(window.kernel.map((_, axis) => 2 * axis + 3)),
  ]);
  spread = emit.node("Pad", [
    spread,
    emit.integers([
      ...Array.from({ length: 2 * rank + 4 }, () => 0),
      ...window.strides.flatMap((stride) => [0, stride - 1]),
    ]),
  ]);
  const sizes = window.outputSizes.map((size, axis) => size * (window.strides[axis] ?? 1));
  spread = emit.node("Reshape", [spread, emit.integers([-1, weight[0] ?? 1, ...sizes])]);
  if (after.some((pad) => pad < 0)) {
    spread = emit.node("Slice", [
      spread,
      emit.integers(sizes.map(() => 0)),
      emit.integers(sizes.map((size, axis) => size + Math.min(0, after[axis] ?? 0))),
      emit.integers(spatialAxes(window)),
    ]);
  }
  return flipped(
    emit,
    task,
    spread,
    before,
    after.map((pad) => Math.max(0, pad)),
  );
}

/**
 * The transposed convolution of the gradient with the same weight. What a stride leaves over at the end of an axis is output padding:
 * `(size + pads - dilation (kernel - 1) - 1) mod stride`.
 */
function transposed(
  emit: GraphEmitter,
  { window, groups, gradient, weightName }: ConvDataTask,
): string {
  const leftOver = window.inputSizes.map((size, axis) => {
    const padded = size + (window.padsBefore[axis] ?? 0) + (window.padsAfter[axis] ?? 0);
    return (padded - extentOf(window, axis)) % (window.strides[axis] ?? 1);
  });
  return emit.node("ConvTranspose", [gradient, weightName], {
    dilations: integers(window.dilations),
    group: integer(groups),
    kernel_shape: integers(window.kernel),
    output_padding: integers(leftOver),
    pads: integers([...window.padsBefore, ...window.padsAfter]),
    strides: integers(window.strides),
  });
}
