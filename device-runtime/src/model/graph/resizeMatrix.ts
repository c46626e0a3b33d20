// How `Resize` makes the elements of one axis from those that were there: as a matrix, because both modes are linear.
import { EMITTED_CONSTANT_BYTES_MAX } from "../limits.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { turnAway } from "../turnAway.ts";
import { integerAttribute, nodeText, textAttribute } from "./modelGraph.ts";

/** One axis of a `Resize`. */
export interface ResizedAxis {
  readonly from: number;
  readonly to: number;
  /** Factor that the node names, or the quotient of the sizes; a float32 number. */
  readonly scale: number;
}

/** How far from a half an engine still rounds as at a half: ONNX Runtime's own bound. */
const HALF = 1e-6;

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

/** Where a new element stands among the old ones, in float32 as engines count: one bit decides which element is the nearest. */
function originOf(
  node: OnnxNode,
  { from, to, scale }: ResizedAxis,
  at: number,
): number | undefined {
  const { fround } = Math;
  const halfPixel = (): number => fround(fround((at + 0.5) / scale) - 0.5);
  switch (textAttribute(node, "coordinate_transformation_mode", "half_pixel")) {
    case "half_pixel":
      return halfPixel();
    case "pytorch_half_pixel":
      return to > 1 ? halfPixel() : 0;
    case "asymmetric":
      return fround(at / scale);
    case "align_corners":
      return to > 1 ? fround(fround(at * (from - 1)) / (to - 1)) : 0;
    default:
      return undefined;
  }
}

function nearest(node: OnnxNode, origin: number): number {
  const mode = textAttribute(node, "nearest_mode", "round_prefer_floor");
  if (mode === "floor") return Math.floor(origin);
  if (mode === "ceil") return Math.ceil(origin);
  const below = Math.floor(origin);
  const share = origin - below;
  // The engine takes what is next to a half for a half.
  if (Math.abs(share - 0.5) <= HALF) return mode === "round_prefer_ceil" ? below + 1 : below;
  return share < 0.5 ? below : below + 1;
}
