// Gradient of `Gemm`: Y = alpha A' B' + beta C.
import { float, integer } from "../graph/graphEmitter.ts";
import { floatAttribute, integerAttribute } from "../graph/modelGraph.ts";
import type { GradientRule } from "./gradientRule.ts";
import { sumLike } from "./likeShape.ts";

/** dA' = alpha dY B'ᵀ, dB' = alpha A'ᵀ dY, dC = beta dY summed over broadcast axes; transposes are folded into the products. */
export const gemmGradient: GradientRule = (context) => {
  const { node, emit, gradient } = context;
  const alpha = float(floatAttribute(node, "alpha", 1));
  const beta = floatAttribute(node, "beta", 1);
  const transA = integerAttribute(node, "transA", 0);
  const transB = integerAttribute(node, "transB", 0);
  const a = context.input(0);
  const b = context.input(1);
  const product = (left: string, right: string, transLeft: number, transRight: number): string =>
    emit.node("Gemm", [left, right], {
      alpha,
      transA: integer(transLeft),
      transB: integer(transRight),
    });
  const byA = (): string =>
    transA === 0 ? product(gradient, b, 0, 1 - transB) : product(b, gradient, transB, 1);
  const byB = (): string =>
    transB === 0 ? product(a, gradient, 1 - transA, 0) : product(gradient, a, 1, transA);
  const byC = (): string => {
    const sum = sumLike(context, gradient, context.shapeOf(context.output), context.input(2));
    return beta === 1 ? sum : emit.node("Mul", [sum, emit.scalar(beta)]);
  };
  return [
    context.wants(0) ? byA() : undefined,
    context.wants(1) ? byB() : undefined,
    context.wants(2) ? byC() : undefined,
  ];
};
