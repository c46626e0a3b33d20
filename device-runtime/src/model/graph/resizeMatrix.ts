// How `Resize` makes the elements of one axis from those that were there: as a matrix, because both modes are linear.
import { EMITTED_CONSTANT_BYTES_MAX } from "../limits.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { turnAway } from "../turnAway.ts";
import { integerAttribute, nodeText, textAttribute } from "./modelGraph.ts";

/** One axis of a `Resize`. */
export interface ResizedAxis {
  readonly from: number;
  readonly to: number;
  /** Factor that the node names, or the quotient of the sizes. */
  readonly scale: number;
}

/** `[to, from]`: the share of each old element in each new one. */
export function resizeMatrix(node: OnnxNode, axis: ResizedAxis): Float32Array {
  const mode = textAttribute(node, "mode", "nearest");
  const refuse = (what: string): never =>
    turnAway("model.operator_unsupported", `${nodeText(node)} ${what}, which has no gradient here`);
  if (mode !== "nearest" && mode !== "linear") refuse(`uses the mode ${mode}`);
  if (integerAttribute(node, "antialias", 0) !== 0) refuse("smooths (antialias)");
  const { from, to } = axis;
  if (4 * to * from > EMITTED_CONSTANT_BYTES_MAX) {
    turnAway(
      "model.too_large",
      `${nodeText(node)} resizes ${from} elements to ${to}, which takes a matrix of over ${EMITTED_CONSTANT_BYTES_MAX} bytes; use a smaller scope`,
    );
  }
  const matrix = new Float32Array(to * from);
  const inside = (at: number): number => Math.max(0, Math.min(from - 1, at));
  for (let at = 0; at < to; at += 1) {
    const origin = originOf(node, axis, at) ?? refuse("uses a coordinate transformation");
    if (mode === "nearest") {
      matrix[at * from + inside(nearest(node, origin))] = 1;
      continue;
    }
    const clamped = inside(origin);
    const low = Math.floor(clamped);
    const share = clamped - low;
    matrix[at * from + low] = (matrix[at * from + low] ?? 0) + 1 - share;
    if (share > 0) matrix[at * from + low + 1] = share;
  }
  return matrix;
}

/** Where a new element stands among the old ones. */
function originOf(
  node: OnnxNode,
  { from, to, scale }: ResizedAxis,
  at: number,
): number | undefined {
  switch (textAttribute(node, "coordinate_transformation_mode", "half_pixel")) {
    case "half_pixel":
      return (at + 0.5) / scale - 0.5;
    case "pytorch_half_pixel":
      return to > 1 ? (at + 0.5) / scale - 0.5 : 0;
    case "asymmetric":
      return at / scale;
    case "align_corners":
      return to > 1 ? (at * (from - 1)) / (to - 1) : 0;
    default:
      return undefined;
  }
}

function nearest(node: OnnxNode, origin: number): number {
  switch (textAttribute(node, "nearest_mode", "round_prefer_floor")) {
    case "floor":
      return Math.floor(origin);
    case "ceil":
      return Math.ceil(origin);
    case "round_prefer_ceil":
      return Math.floor(origin + 0.5);
    default:
      return Math.ceil(origin - 0.5);
  }
}
