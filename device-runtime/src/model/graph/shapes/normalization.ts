// Shapes of normalizations.
import { isSameDim, shapeText } from "../dim.ts";
import { integerAttribute, resolveAxis } from "../modelGraph.ts";
import { likeInput, type ShapeContext, type ShapeRule, shapeMismatch } from "./shapeRule.ts";

/** Scales, shifts and statistics are vectors with one element a channel. */
function checkChannels(context: ShapeContext, inputs: readonly number[]): void {
  const { shape } = context.input(0);
  const channels = shape[1];
  for (const index of inputs) {
    const vector = context.input(index).shape;
    const [size] = vector;
    if (
      vector.length !== 1 ||
      size === undefined ||
      channels === undefined ||
      !isSameDim(size, channels)
    ) {
      shapeMismatch(
        context.node,
        `${shapeText(vector)} is not one element a channel of ${shapeText(shape)}`,
      );
    }
  }
}

/** `BatchNormalization`; in training mode with the running mean and variance. */
export const batchNormalizationShape: ShapeRule = (context) => {
  checkChannels(context, [1, 2, 3, 4]);
  const data = likeInput(context, context.input(0).shape);
  return integerAttribute(context.node, "training_mode", 0) === 0
    ? data
    : [...data, context.input(3), context.input(4)];
};

/** `InstanceNormalization`. */
export const instanceNormalizationShape: ShapeRule = (context) => {
  checkChannels(context, [1, 2]);
  return likeInput(context, context.input(0).shape);
};

/** `LayerNormalization`: the further outputs are the mean and the inverse deviation. */
export const layerNormalizationShape: ShapeRule = (context) => {
  const { type, shape } = context.input(0);
  const first = resolveAxis(context.node, integerAttribute(context.node, "axis", -1), shape.length);
  const kept = { type, shape: shape.map((dim, axis) => (axis < first ? dim : 1)) };
  return [{ type, shape }, kept, kept];
};
