// Gradient of `Min` and `Max` of any number of operands, with broadcasting.
import { integer } from "../graph/graphEmitter.ts";
import { elementCode } from "../onnx/elementType.ts";
import type { GradientRule } from "./gradientRule.ts";
import { operandGradient } from "./operandGradient.ts";

/** dY goes to the operands that equal the result, in equal parts as in PyTorch. */
export const extremesGradient: GradientRule = (context) => {
  const { node, emit } = context;
  const masks = node.inputs.map((input) =>
    emit.node("Cast", [emit.node("Equal", [input, context.output])], {
      to: integer(elementCode("float32")),
    }),
  );
  const count = masks.reduce((sum, mask) => emit.node("Add", [sum, mask]));
  const share = emit.node("Div", [context.gradient, count]);
  return masks.map((mask, index) =>
    operandGradient(context, index, () => emit.node("Mul", [share, mask])),
  );
};
