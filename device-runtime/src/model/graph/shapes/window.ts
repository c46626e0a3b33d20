// Shapes of convolutions, pools and normalisations over `[batch, channels, ...spatial]`.
import { isSameDim, shapeText } from "../dim.ts";
import { integerAttribute, knownDim } from "../modelGraph.ts";
import { poolKernel, readTransposedWindow, readWindow } from "../window.ts";
import { likeInput, type ShapeRule, shapeMismatch } from "./shapeRule.ts";

/** `Conv`. */
export const convShape: ShapeRule = (context) => {
  const { node } = context;
  const data = context.input(0).shape;
  const weight = context.input(1).shape.map((dim) => knownDim(node, dim, "the weight's shape"));
  const [batch, channels] = data;
  const [filters, groupChannels] = weight;
  if (
    batch === undefined ||
    channels === undefined ||
    filters === undefined ||
    groupChannels === undefined
  ) {
    return shapeMismatch(node, `cannot slide ${shapeText(weight)} over ${shapeText(data)}`);
  }
  const groups = integerAttribute(node, "group", 1);
  if (groups < 1 || !isSameDim(channels, groupChannels * groups) || filters % groups !== 0) {
    return shapeMismatch(
      node,
      `${groups} groups of weight ${shapeText(weight)} do not fit ${shapeText(data)}`,
    );
  }
  const { outputSizes } = readWindow(node, data, weight.slice(2));
  return likeInput(context, [batch, filters, ...outputSizes]);
};

/** `ConvTranspose`; its weight is `[channels, filters / groups, ...kernel]`. */
export const convTransposeShape: ShapeRule = (context) => {
  const { node } = context;
  const data = context.input(0).shape;
  const weight = context.input(1).shape.map((dim) => knownDim(node, dim, "the weight's shape"));
  const [batch, channels] = data;
  const [own, groupFilters] = weight;
  const groups = integerAttribute(node, "group", 1);
  if (
    batch === undefined ||
    channels === undefined ||
    own === undefined ||
    groupFilters === undefined ||
    groups < 1 ||
    own % groups !== 0 ||
    !isSameDim(channels, own)
  ) {
    return shapeMismatch(
      node,
      `${groups} groups of weight ${shapeText(weight)} do not fit ${shapeText(data)}`,
    );
  }
  const { inputSizes } = readTransposedWindow(node, data, weight.slice(2));
  return likeInput(context, [batch, groupFilters * groups, ...inputSizes]);
};

/** `MaxPool` (second output: indices) and `AveragePool`. */
export const poolShape: ShapeRule = (context) => {
  const data = context.input(0).shape;
  const { outputSizes } = readWindow(context.node, data, poolKernel(context.node));
  const shape = [...data.slice(0, 2), ...outputSizes];
  return [...likeInput(context, shape), { type: "int64", shape }];
};

/** `GlobalAveragePool` and `GlobalMaxPool`. */
export const globalPoolShape: ShapeRule = (context) => {
  const data = context.input(0).shape;
  if (data.length < 3)
    return shapeMismatch(context.node, `pools ${shapeText(data)}, which has no spatial axis`);
  return likeInput(context, [...data.slice(0, 2), ...data.slice(2).map(() => 1)]);
};
