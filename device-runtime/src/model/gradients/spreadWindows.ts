// One value a window, added to every element that the window holds; in several forms.

import { checkConstantRoom, fitsConstant } from "../graph/constantRoom.ts";
import { type GraphEmitter, integers } from "../graph/graphEmitter.ts";
import type { Window } from "../graph/window.ts";
import type { Form } from "../lowering/lowering.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { beyondWindows } from "./windowTaps.ts";

/**
 * Forms of the sum over the windows that hold an element, `[batch, channels, ...inputSizes]`.
 *
 * @param values writes one value a window, `[batch, channels, ...outputSizes]`
 */
export function spreadWindows(
  node: OnnxNode,
  window: Window,
  channels: number,
  values: (emit: GraphEmitter) => string,
): readonly Form[] {
  const beyond = beyondWindows(window);
  const forms: Form[] = [];
  const taps = window.kernel.reduce((product, size) => product * size, 1);
  if (fitsConstant(taps)) {
    forms.push({
      name: "transposed",
      write: (emit) => transposed(emit, window, channels, beyond, values(emit)),
    });
  }
  const isSideBySide = window.kernel.every(
    (size, axis) =>
      size === window.strides[axis] &&
      window.dilations[axis] === 1 &&
      window.padsBefore[axis] === 0 &&
      (beyond[axis] ?? 0) <= 0,
  );
  if (isSideBySide) {
    forms.push({
      name: "repeat",
      write: (emit) => repeat(emit, window, channels, beyond, values(emit)),
    });
  }
  if (forms.length === 0) checkConstantRoom(node, taps);
  return forms;
}

/** A transposed convolution with a kernel of ones, all channels as samples of their own. */
function transposed(
  emit: GraphEmitter,
  window: Window,
  channels: number,
  beyond: readonly number[],
  values: string,
): string {
  const flat = emit.node("Reshape", [values, emit.integers([-1, 1, ...window.outputSizes])]);
  const kernelSize = window.kernel.reduce((product, size) => product * size, 1);
  const ones = emit.floats([1, 1, ...window.kernel], new Float32Array(kernelSize).fill(1));
  const spread = emit.node("ConvTranspose", [flat, ones], {
    dilations: integers(window.dilations),
    kernel_shape: integers(window.kernel),
    output_padding: integers(beyond.map((pad) => Math.max(0, -pad))),
    pads: integers([...window.padsBefore, ...beyond.map((pad) => Math.max(0, pad))]),
    strides: integers(window.strides),
  });
  return emit.node("Reshape", [spread, emit.integers([-1, channels, ...window.inputSizes])]);
}

/** Windows side by side: each value repeated along axes of its own, which then join the spatial ones. */
function repeat(
  emit: GraphEmitter,
  window: Window,
  channels: number,
  beyond: readonly number[],
  values: string,
): string {
  const rank = window.kernel.length;
  const open = emit.node("Unsqueeze", [
    values,
    emit.integers(window.kernel.map((_, axis) => 2 * axis + 3)),
  ]);
  const sizes = [1, 1, ...window.kernel.flatMap((size) => [1, size])];
  const wide = emit.node("Expand", [open, emit.integers(sizes)]);
  const covered = window.kernel.map((size, axis) => size * (window.outputSizes[axis] ?? 1));
  const joined = emit.node("Reshape", [wide, emit.integers([-1, channels, ...covered])]);
  if (beyond.every((pad) => pad === 0)) return joined;
  return emit.node("Pad", [
    joined,
    emit.integers([...Array.from({ length: rank + 4 }, () => 0), ...beyond.map((pad) => -pad)]),
  ]);
}
