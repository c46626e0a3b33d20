// Gradient of `LogSoftmax`.
import { integer } from "../graph/graphEmitter.ts";
import { integerAttribute } from "../graph/modelGraph.ts";
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY - exp(Y) sum(dY), the sum along the axis. */
export const logSoftmaxGradient: GradientRule = ({ emit, node, gradient, output }) => {
  const axis = emit.integers([integerAttribute(node, "axis", -1)]);
  const sum = emit.node("ReduceSum", [gradient, axis], { keepdims: integer(1) });
  const spread = emit.node("Mul", [emit.node("Exp", [output]), sum]);
  return [emit.node("Sub", [gradient, spread])];
};
