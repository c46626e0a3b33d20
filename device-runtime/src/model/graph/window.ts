// The sliding window of convolutions and pools: kernel, strides, pads and dilations of a node, with defaults filled in.
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { turnAway } from "../turnAway.ts";
import type { Shape } from "./dim.ts";
import {
  integerAttribute,
  integersAttribute,
  knownDim,
  nodeText,
  textAttribute,
} from "./modelGraph.ts";

/** A window over the spatial axes of `[batch, channels, ...spatial]`; every list has one entry a spatial axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Padding before and after each axis, resolved from `auto_pad`. */
  readonly padsBefore: readonly number[];
  readonly padsAfter: readonly number[];
  readonly inputSizes: readonly number[];
  readonly outputSizes: readonly number[];
}

const window1 = (node: OnnxNode, name: string, length: number, smallest: number): number[] => {
  const values =
    integersAttribute(node, name) ?? Array.from({ length }, () => Math.min(smallest, 1));
  if (values.length !== length || values.some((value) => value < smallest || value > 1 << 20)) {
    turnAway(
      "model.shape_invalid",
      `${nodeText(node)} has unusable ${name} [${values.join(", ")}]`,
    );
  }
  return [...values];
};

/**
 * Reads the window of a `Conv`, `MaxPool`, `AveragePool` or `LpPool`.
 *
 * @param input shape `[batch, channels, ...spatial]`; the spatial sizes must be known
 * @param kernel sizes of the kernel, from the weight or the attribute
 */
export function readWindow(node: OnnxNode, input: Shape, kernel: readonly number[]): Window {
  const rank = input.length - 2;
  if (rank < 1 || kernel.length !== rank) {
    turnAway(
      "model.shape_invalid",
      `${nodeText(node)}: a kernel of ${kernel.length} axes on an input of rank ${input.length}`,
    );
  }
  const inputSizes = input
    .slice(2)
    .map((dim, axis) => knownDim(node, dim, `the size of spatial axis ${axis}`));
  const strides = window1(node, "strides", rank, 1);
  const dilations = window1(node, "dilations", rank, 1);
  const pads = window1(node, "pads", rank * 2, 0);
  const autoPad = textAttribute(node, "auto_pad", "NOTSET");
  const isCeil = integerAttribute(node, "ceil_mode", 0) !== 0;
  const padsBefore: number[] = [];
  const padsAfter: number[] = [];
  const outputSizes: number[] = [];
  for (let axis = 0; axis < rank; axis += 1) {
    const size = inputSizes[axis] ?? 1;
    const stride = strides[axis] ?? 1;
    const extent = (dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1;
    let before = pads[axis] ?? 0;
    let after = pads[axis + rank] ?? 0;
    let output: number;
    if (autoPad === "SAME_UPPER" || autoPad === "SAME_LOWER") {
      output = Math.ceil(size / stride);
      const total = Math.max(0, (output - 1) * stride + extent - size);
      before = autoPad === "SAME_UPPER" ? Math.floor(total / 2) : Math.ceil(total / 2);
      after = total - before;
    } else {
      if (autoPad === "VALID") before = after = 0;
      const room = size + before + after - extent;
      output = (isCeil ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
      // A window that would start in the padding behind the input is left out.
      if (isCeil && (output - 1) * stride >= size + before) output -= 1;
    }
    if (output < 1) {
      turnAway(
        "model.shape_invalid",
        `${nodeText(node)}: a window of ${extent} does not fit an axis of ${size}; use longer inputs`,
      );
    }
    padsBefore.push(before);
    padsAfter.push(after);
    outputSizes.push(output);
  }
  return { kernel, strides, dilations, padsBefore, padsAfter, inputSizes, outputSizes };
}

/**
 * Reads the window of a `ConvTranspose`, as the convolution that goes the other way: its `inputSizes` are those of the node's output,
 * its `outputSizes` those of the node's data.
 *
 * @param data shape `[batch, channels, ...spatial]`; the spatial sizes must be known
 */
export function readTransposedWindow(
  node: OnnxNode,
  data: Shape,
  kernel: readonly number[],
): Window {
  const rank = data.length - 2;
  if (rank < 1 || kernel.length !== rank) {
    turnAway(
      "model.shape_invalid",
      `${nodeText(node)}: a kernel of ${kernel.length} axes on an input of rank ${data.length}`,
    );
  }
  const outputSizes = data
    .slice(2)
    .map((dim, axis) => knownDim(node, dim, `the size of spatial axis ${axis}`));
  const strides = window1(node, "strides", rank, 1);
  const dilations = window1(node, "dilations", rank, 1);
  const pads = window1(node, "pads", rank * 2, 0);
  const beyond = window1(node, "output_padding", rank, 0);
  const asked = integersAttribute(node, "output_shape")?.slice(-rank);
  const autoPad = textAttribute(node, "auto_pad", "NOTSET");
  const padsBefore: number[] = [];
  const padsAfter: number[] = [];
  const inputSizes = outputSizes.map((size, axis) => {
    const stride = strides[axis] ?? 1;
    const extent = (dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1;
    const whole = (size - 1) * stride + extent + (beyond[axis] ?? 0);
    const isSame = autoPad === "SAME_UPPER" || autoPad === "SAME_LOWER";
    let before = pads[axis] ?? 0;
    let after = pads[axis + rank] ?? 0;
    if (asked !== undefined || isSame) {
      const total = Math.max(0, whole - (asked?.[axis] ?? size * stride));
      before = autoPad === "SAME_UPPER" ? Math.floor(total / 2) : Math.ceil(total / 2);
      after = total - before;
    } else if (autoPad === "VALID") before = after = 0;
    padsBefore.push(before);
    padsAfter.push(after);
    const result = whole - before - after;
    if (result < 1 || (asked !== undefined && result !== asked[axis])) {
      turnAway(
        "model.shape_invalid",
        `${nodeText(node)} would make an axis of ${result}; export it with fitting pads`,
      );
    }
    return result;
  });
  return { kernel, strides, dilations, padsBefore, padsAfter, inputSizes, outputSizes };
}

/** Elements between the first and the last that the kernel touches, both included. */
export function extentOf(window: Window, axis: number): number {
  return (window.dilations[axis] ?? 1) * ((window.kernel[axis] ?? 1) - 1) + 1;
}

/** Elements of the padded axis up to the end of the last window. */
export function reachOf(window: Window, axis: number): number {
  return (
    ((window.outputSizes[axis] ?? 1) - 1) * (window.strides[axis] ?? 1) + extentOf(window, axis)
  );
}

/** The kernel that a pool names. */
export function poolKernel(node: OnnxNode): readonly number[] {
  const kernel = integersAttribute(node, "kernel_shape");
  if (kernel === undefined || kernel.some((size) => size < 1 || size > 1 << 20)) {
    return turnAway("model.shape_invalid", `${nodeText(node)} has no usable kernel_shape`);
  }
  return kernel;
}
