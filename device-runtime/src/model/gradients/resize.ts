// Gradient of `Resize` in the modes nearest and linear.
import { isSameDim } from "../graph/dim.ts";
import { integer, integers } from "../graph/graphEmitter.ts";
import { integersAttribute, knownDim, resolveAxis } from "../graph/modelGraph.ts";
import { type ResizedAxis, resizeMatrix } from "../graph/resizeMatrix.ts";
import { tensorNumbers } from "../onnx/tensorMessage.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";

/** Every new element is a sum of shares of old ones, axis by axis: dX = dY times the matrix of shares, one axis after the other. */
export const resizeGradient: GradientRule = (context) => {
  const { node } = context;
  const from = context.shapeOf(context.input(0));
  const to = context.shapeOf(context.output);
  const named = (integersAttribute(node, "axes") ?? from.map((_, axis) => axis)).map((axis) =>
    resolveAxis(node, axis, from.length),
  );
  // What keeps all its sizes is copied as it is, whatever the factors say.
  if (from.every((dim, axis) => isSameDim(dim, to[axis] ?? 1))) return [context.gradient];
  const factors = context.constant(2);
  const scales = factors === undefined ? [] : tensorNumbers(factors);
  let gradient = context.gradient;
  named.forEach((axis, index) => {
    const scale = scales[index];
    const isSame = isSameDim(from[axis] ?? 1, to[axis] ?? 1);
    if (isSame && (scale ?? 1) === 1) return;
    const size = knownDim(node, from[axis], `the size of axis ${axis}`);
    const resized = knownDim(node, to[axis], `the resized axis ${axis}`);
    gradient = alongAxis(context, gradient, from.length, axis, {
      from: size,
      to: resized,
      scale: Math.fround(scale ?? resized / size),
    });
  });
  return [gradient];
};

function alongAxis(
  { node, emit }: GradientContext,
  gradient: string,
  rank: number,
  axis: number,
  resized: ResizedAxis,
): string {
  const repeat = resized.to / resized.from;
  const matrix = resizeMatrix(node, resized);
  const repeats = Number.isInteger(repeat) && isRepeat(matrix, resized, repeat);
  if (repeats && axis >= rank - 2) {
    // Whole copies side by side: summing them is cheaper than a product. Axes in front copy their size, the one behind is what is left.
    const front = Array.from({ length: axis }, () => 0);
    const behind = axis === rank - 1 ? [] : [-1];
    const apart = emit.integers([...front, resized.from, repeat, ...behind]);
    const copies = emit.node("Reshape", [gradient, apart]);
    return emit.node("ReduceSum", [copies, emit.integers([axis + 1])], { keepdims: integer(0) });
  }
  const shares = emit.floats([resized.to, resized.from], matrix);
  if (axis === rank - 1) return emit.node("MatMul", [gradient, shares]);
  const swap = Array.from({ length: rank }, (_, other) =>
    other === axis ? rank - 1 : other === rank - 1 ? axis : other,
  );
  const turn = { perm: integers(swap) };
  const turned = emit.node("Transpose", [gradient], turn);
  return emit.node("Transpose", [emit.node("MatMul", [turned, shares])], turn);
}

function isRepeat(matrix: Float32Array, { from, to }: ResizedAxis, repeat: number): boolean {
  for (let at = 0; at < to; at += 1) {
    if (matrix[at * from + Math.floor(at / repeat)] !== 1) return false;
  }
  return true;
}
