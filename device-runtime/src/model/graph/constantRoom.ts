// Whether a constant that the compiler writes beside those of the model is small enough. Asked before its elements are made.

import { EMITTED_CONSTANT_BYTES_MAX } from "../limits.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { turnAway } from "../turnAway.ts";
import { nodeText } from "./modelGraph.ts";

/** Whether so many float32 numbers may be written into a graph. */
export function fitsConstant(count: number): boolean {
  return 4 * count <= EMITTED_CONSTANT_BYTES_MAX;
}

/** Turns a node away for which more float32 numbers would have to be written. */
export function checkConstantRoom(node: OnnxNode, count: number): void {
  if (fitsConstant(count)) return;
  turnAway(
    "model.too_large",
    `${nodeText(node)}: training it needs a constant of ${4 * count} bytes, limit ${EMITTED_CONSTANT_BYTES_MAX}; use a smaller scope`,
  );
}
