// Gradient of `ReduceProd`.
import { integer } from "../graph/graphEmitter.ts";
import { elementCode } from "../onnx/elementType.ts";
import type { GradientRule } from "./gradientRule.ts";
import { keptAxes, reducedAxes } from "./reduce.ts";

/**
 * dX = dY times the product of all others: of the product without zeros, divided by the element itself. Beside one zero only that zero has
 * a gradient, beside several none has.
 */
export const reduceProductGradient: GradientRule = (context) => {
  const { emit } = context;
  const data = context.input(0);
  const axes = reducedAxes(context);
  if (axes.length === 0) return [context.gradient];
  const float = { to: integer(elementCode("float32")) };
  const keep = { keepdims: integer(1) };
  const over = emit.integers(axes);
  const isZero = emit.node("Equal", [data, emit.scalar(0)]);
  const zero = emit.node("Cast", [isZero], float);
  const filled = emit.node("Where", [isZero, emit.scalar(1), data]);
  const others = emit.node("Div", [emit.node("ReduceProd", [filled, over], keep), filled]);
  // Zeros among the others; where there is any, their product is 0.
  const zeros = emit.node("Sub", [emit.node("ReduceSum", [zero, over], keep), zero]);
  const isOpen = emit.node("Cast", [emit.node("Equal", [zeros, emit.scalar(0)])], float);
  const gradient = keptAxes(context, context.gradient, axes);
  return [emit.node("Mul", [gradient, emit.node("Mul", [others, isOpen])])];
};
