// Gradient of `HardSigmoid`.
import { floatAttribute } from "../graph/modelGraph.ts";
import type { GradientRule } from "./gradientRule.ts";

/** dX = alpha dY where 0 < Y < 1, else 0. */
export const hardSigmoidGradient: GradientRule = ({ emit, node, gradient, output }) => {
  const scaled = emit.node("Mul", [gradient, emit.scalar(floatAttribute(node, "alpha", 0.2))]);
  const isInside = emit.node("And", [
    emit.node("Greater", [output, emit.scalar(0)]),
    emit.node("Less", [output, emit.scalar(1)]),
  ]);
  return [emit.node("Where", [isInside, scaled, emit.scalar(0)])];
};
