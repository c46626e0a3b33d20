// Gradient of `Pow` with broadcasting.
import { integer } from "../graph/graphEmitter.ts";
import { elementCode } from "../onnx/elementType.ts";
import { tensorNumbers } from "../onnx/tensorMessage.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";
import { operandGradient } from "./operandGradient.ts";

/** dA = dY B A^(B-1), dB = dY Y ln A; the latter is 0 where A is 0 or less, where the real power ends. */
export const powGradient: GradientRule = (context) => [
  operandGradient(context, 0, () => byBase(context)),
  operandGradient(context, 1, () => byExponent(context)),
];

function byBase(context: GradientContext): string {
  const { emit, gradient } = context;
  const base = context.input(0);
  const constant = context.constant(1);
  const exponents = constant === undefined ? [] : tensorNumbers(constant);
  const exponent = exponents.length === 1 ? exponents[0] : undefined;
  if (exponent === undefined) {
    // An exponent may be an integer beside a base of floats.
    const power =
      context.typeOf(context.input(1)) === "float32"
        ? context.input(1)
        : emit.node("Cast", [context.input(1)], { to: integer(elementCode("float32")) });
    const one = emit.node("Sub", [power, emit.scalar(1)]);
    const slope = emit.node("Mul", [power, emit.node("Pow", [base, one])]);
    return emit.node("Mul", [gradient, slope]);
  }
  const scaled = emit.node("Mul", [gradient, emit.scalar(exponent)]);
  if (exponent === 1) return gradient;
  if (exponent === 2) return emit.node("Mul", [scaled, base]);
  if (exponent === 0.5) return emit.node("Div", [scaled, context.output]);
  return emit.node("Mul", [scaled, emit.node("Pow", [base, emit.scalar(exponent - 1)])]);
}

function byExponent(context: GradientContext): string {
  const { emit } = context;
  const base = context.input(0);
  const isPositive = emit.node("Greater", [base, emit.scalar(0)]);
  const logarithm = emit.node("Log", [emit.node("Where", [isPositive, base, emit.scalar(1)])]);
  const slope = emit.node("Mul", [context.output, logarithm]);
  return emit.node("Mul", [context.gradient, slope]);
}
