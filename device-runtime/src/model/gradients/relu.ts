// Gradient of `Relu`.
import { integer } from "../graph/graphEmitter.ts";
import { elementCode } from "../onnx/elementType.ts";
import type { GradientRule } from "./gradientRule.ts";

/**
 * dX = dY where Y > 0; at 0 the gradient is 0, as in PyTorch.
 *
 * Y is never negative, so "not zero" is that mask: two casts, which cost half of a comparison with its broadcast scalar.
 */
export const reluGradient: GradientRule = ({ emit, gradient, output }) => {
  const isOpen = emit.node("Cast", [output], { to: integer(elementCode("bool")) });
  const mask = emit.node("Cast", [isOpen], { to: integer(elementCode("float32")) });
  return [emit.node("Mul", [gradient, mask])];
};
