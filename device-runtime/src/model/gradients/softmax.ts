// Gradient of `Softmax`.
import { integer } from "../graph/graphEmitter.ts";
import { integerAttribute } from "../graph/modelGraph.ts";
import type { GradientRule } from "./gradientRule.ts";

/** dX = (dY - sum(dY Y)) Y, the sum along the axis. */
export const softmaxGradient: GradientRule = ({ emit, node, gradient, output }) => {
  const axis = emit.integers([integerAttribute(node, "axis", -1)]);
  const weighted = emit.node("Mul", [gradient, output]);
  const sum = emit.node("ReduceSum", [weighted, axis], { keepdims: integer(1) });
  return [emit.node("Mul", [emit.node("Sub", [gradient, sum]), output])];
};
