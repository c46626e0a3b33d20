// Gradients of `QuantizeLinear` and `DequantizeLinear`: straight through the rounding.
import { integerAttribute, nodeText, resolveAxis } from "../graph/modelGraph.ts";
import type { ElementType } from "../onnx/elementType.ts";
import { tensorNumbers } from "../onnx/tensorMessage.ts";
import { turnAway } from "../turnAway.ts";
import type { GradientRule } from "./gradientRule.ts";

const ranges: ReadonlyMap<ElementType, readonly [number, number]> = new Map([
  ["int8", [-128, 127]],
  ["uint8", [0, 255]],
  ["int16", [-32768, 32767]],
  ["uint16", [0, 65535]],
]);

/** The pair of both computes a rounded X: dX = dY where X is inside what the integers can hold, 0 where it was cut off. */
export const quantizeGradient: GradientRule = (context) => {
  const { emit, node, gradient } = context;
  const scale = context.constant(1);
  const zero = context.constant(2);
  const range = zero === undefined ? undefined : ranges.get(zero.type);
  if (scale?.type !== "float32" || zero === undefined || range === undefined) {
    return turnAway(
      "model.operator_unsupported",
      `${nodeText(node)} computes its scale or names no zero point, so it has no gradient; quantise with fixed ones`,
    );
  }
  const shape = context.shapeOf(context.input(0));
  const scales = tensorNumbers(scale);
  const isShared = scale.dims.length === 0 || scales.length === 1;
  const axis = isShared ? 0 : resolveAxis(node, integerAttribute(node, "axis", 1), shape.length);
  const dims = isShared ? [] : shape.slice(axis).map((_, at) => (at === 0 ? scales.length : 1));
  // Half a step of rounding belongs to the first and the last integer.
  const bound = (end: number): string =>
    emit.floats(
      dims,
      Array.from(
        tensorNumbers(zero),
        (point, at) => (end - point) * (scales[isShared ? 0 : at] ?? 1),
      ),
    );
  const half = (index: 0 | 1): number => range[index] + (index === 0 ? -0.5 : 0.5);
  const data = context.input(0);
  const isInside = emit.node("And", [
    emit.node("GreaterOrEqual", [data, bound(half(0))]),
    emit.node("LessOrEqual", [data, bound(half(1))]),
  ]);
  return [emit.node("Where", [isInside, gradient, emit.scalar(0)])];
};

/** dY, which `QuantizeLinear` in front passes on. */
export const dequantizeGradient: GradientRule = ({ gradient }) => [gradient];
