// Gradient of `MatMul` with NumPy's batch rules.
import type { Shape } from "../graph/dim.ts";
import { integer, integers } from "../graph/graphEmitter.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";
import { reshapeLike, sumLike } from "./likeShape.ts";

/**
 * dA = dY Bᵀ, dB = Aᵀ dY, each summed over broadcast batches.
 *
 * A rank-2 right operand, which is what a weight is, takes one large `Gemm` over all rows instead of a batch of small products.
 */
export const matMulGradient: GradientRule = (context) => {
  const { emit } = context;
  const a = asMatrix(context, 0);
  const b = asMatrix(context, 1);
  const batch = context.shapeOf(context.output).slice(0, outputBatchRank(context));
  const outputShape = [...batch, a.shape.at(-2) ?? 1, b.shape.at(-1) ?? 1];
  const gradient =
    a.isVector || b.isVector ? unsqueezeOutput(context, a.isVector, b.isVector) : context.gradient;

  const byA = (): string => {
    const full = emit.node("MatMul", [gradient, swapLast(context, b)]);
    return finish(context, full, [...batch, ...a.shape.slice(-2)], 0, a.isVector);
  };
  const byB = (): string => {
    const inner = a.shape.at(-1) ?? 1;
    const columns = outputShape.at(-1) ?? 1;
    if (b.shape.length === 2 && typeof inner === "number" && typeof columns === "number") {
      const rowsOf = (value: string, width: number): string =>
        outputShape.length === 2
          ? value
          : emit.node("Reshape", [value, emit.integers([-1, width])]);
      const full = emit.node("Gemm", [rowsOf(a.name, inner), rowsOf(gradient, columns)], {
        transA: integer(1),
      });
      return b.isVector ? reshapeLike(context, full, context.input(1)) : full;
    }
    const full = emit.node("MatMul", [swapLast(context, a), gradient]);
    return finish(context, full, [...batch, ...b.shape.slice(-2)], 1, b.isVector);
  };
  return [context.wants(0) ? byA() : undefined, context.wants(1) ? byB() : undefined];
};

interface Operand {
  readonly name: string;
  readonly shape: Shape;
  readonly isVector: boolean;
}

function asMatrix(context: GradientContext, index: 0 | 1): Operand {
  const name = context.input(index);
  const shape = context.shapeOf(name);
  if (shape.length > 1) return { name, shape, isVector: false };
  const { emit } = context;
  const matrix = index === 0 ? [1, ...shape] : [...shape, 1];
  return {
    name: emit.node("Unsqueeze", [name, emit.integers([index === 0 ? 0 : 1])]),
    shape: matrix,
    isVector: true,
  };
}

function outputBatchRank(context: GradientContext): number {
  return Math.max(
    context.shapeOf(context.input(0)).length - 2,
    context.shapeOf(context.input(1)).length - 2,
    0,
  );
}

function unsqueezeOutput(context: GradientContext, isLeft: boolean, isRight: boolean): string {
  const { emit } = context;
  const axes = isLeft && isRight ? [-2, -1] : isLeft ? [-2] : [-1];
  return emit.node("Unsqueeze", [context.gradient, emit.integers(axes)]);
}

function swapLast(context: GradientContext, operand: Operand): string {
  const rank = operand.shape.length;
  const perm = Array.from({ length: rank }, (_, axis) =>
    axis === rank - 1 ? rank - 2 : axis === rank - 2 ? rank - 1 : axis,
  );
  return context.emit.node("Transpose", [operand.name], { perm: integers(perm) });
}

function finish(
  context: GradientContext,
  gradient: string,
  shape: Shape,
  index: 0 | 1,
  isVector: boolean,
): string {
  const value = context.input(index);
  if (!isVector) return sumLike(context, gradient, shape, value);
  // A vector takes part in every batch: sum the batches, then drop the axis that was added.
  const { emit } = context;
  const batchAxes = Array.from({ length: shape.length - 2 }, (_, axis) => axis);
  const sum =
    batchAxes.length === 0
      ? gradient
      : emit.node("ReduceSum", [gradient, emit.integers(batchAxes)], { keepdims: integer(0) });
  return reshapeLike(context, sum, value);
}
