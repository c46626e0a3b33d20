// Gradient of `Relu`.
import { type GraphEmitter, integer } from "../graph/graphEmitter.ts";
import { elementCode } from "../onnx/elementType.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";

/** dX = dY where Y > 0; at 0 the gradient is 0, as in PyTorch. Y is never negative, which makes the mask cheap. */
export const reluGradient: GradientRule = (context) => [
  context.lower("relu.data", [
    { name: "clamped", write: (emit) => masked(emit, context, clamped) },
    { name: "casts", write: (emit) => masked(emit, context, casts) },
  ]),
];

type Mask = (emit: GraphEmitter, output: string) => string;

function masked(emit: GraphEmitter, { gradient, output }: GradientContext, mask: Mask): string {
  return emit.node("Mul", [gradient, mask(emit, output)]);
}

/** Makes 1 or more of every normal number; a denormal below 2^-128 gives less, which is a slope between those at its sides. */
const LARGE = 2 ** 127 * 1.75;

/** The lesser of 1 and a huge multiple. */
const clamped: Mask = (emit, output) =>
  emit.node("Min", [emit.node("Mul", [output, emit.scalar(LARGE)]), emit.scalar(1)]);

/** "Not zero" as a number. */
const casts: Mask = (emit, output) => {
  const isOpen = emit.node("Cast", [output], { to: integer(elementCode("bool")) });
  return emit.node("Cast", [isOpen], { to: integer(elementCode("float32")) });
};
