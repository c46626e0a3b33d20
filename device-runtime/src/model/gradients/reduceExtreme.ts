// Gradient of `ReduceMax` and `ReduceMin`.
import { integer } from "../graph/graphEmitter.ts";
import { elementCode } from "../onnx/elementType.ts";
import type { GradientRule } from "./gradientRule.ts";
import { keptAxes, reducedAxes } from "./reduce.ts";

/** dY goes to the elements that equal the result, in equal parts, as in PyTorch's `amax` and `amin`. */
export const reduceExtremeGradient: GradientRule = (context) => {
  const { emit } = context;
  const axes = reducedAxes(context);
  if (axes.length === 0) return [context.gradient];
  const isFound = emit.node("Equal", [context.input(0), keptAxes(context, context.output, axes)]);
  const mask = emit.node("Cast", [isFound], { to: integer(elementCode("float32")) });
  const count = emit.node("ReduceSum", [mask, emit.integers(axes)], { keepdims: integer(1) });
  const share = emit.node("Div", [keptAxes(context, context.gradient, axes), count]);
  return [emit.node("Mul", [mask, share])];
};
