// Gradient of `BatchNormalization`, with frozen statistics and in training mode.
import { integer } from "../graph/graphEmitter.ts";
import { floatAttribute, integerAttribute, nodeText } from "../graph/modelGraph.ts";
import { tensorFloats } from "../onnx/tensorMessage.ts";
import { turnAway } from "../turnAway.ts";
import { channelNormalizationGradient } from "./channelNormalization.ts";
import type { GradientRule } from "./gradientRule.ts";

/**
 * In training mode the mean and the deviation are those of the batch; else they are constants.
 *
 * A plan puts the nodes of its scope into training mode, and its steps then count their running statistics. Else the node's own attribute
 * says which: models exported for inference keep the statistics that they were trained with, which few samples of one person could only
 * blur, and a node that the file itself has in training mode goes by the batch while its statistics stay.
 */
export const batchNormalizationGradient: GradientRule = (context) => {
  if (integerAttribute(context.node, "training_mode", 0) === 0) return frozenGradient(context);
  const rank = context.shapeOf(context.input(0)).length;
  const axes = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== 1);
  return channelNormalizationGradient(context, axes);
};

/**
 * Y = scale (X - mean) / deviation + shift with a constant mean and deviation, so it is a line per channel:
 * dX = dY scale / deviation, dScale = sum(dY (X - mean)) / deviation, dShift = sum(dY).
 */
const frozenGradient: GradientRule = (context) => {
  const { node, emit, gradient } = context;
  const mean = context.constant(3);
  const variance = context.constant(4);
  if (mean?.type !== "float32" || variance?.type !== "float32") {
    return turnAway(
      "model.operator_unsupported",
      `${nodeText(node)} has no running mean and variance of its own: they are computed, or one tensor with a shift or scale that is trained, as equal ones of a fresh model are; exposeParameters with untie tells those apart, else export the model in evaluation mode`,
    );
  }
  const epsilon = floatAttribute(node, "epsilon", 1e-5);
  const rank = context.shapeOf(context.input(0)).length;
  const perChannel = [-1, ...Array.from({ length: rank - 2 }, () => 1)];
  const inverse = tensorFloats(variance).map((value) => 1 / Math.sqrt(value + epsilon));
  const means = tensorFloats(mean);
  const sumAxes = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== 1);
  const total = (value: string): string =>
    emit.node("ReduceSum", [value, emit.integers(sumAxes)], { keepdims: integer(0) });
  const byData = (): string => {
    const slope = emit.node("Mul", [context.input(1), emit.floats([inverse.length], inverse)]);
    const spread = emit.node("Reshape", [slope, emit.integers(perChannel)]);
    return emit.node("Mul", [gradient, spread]);
  };
  const byScale = (): string => {
    const centre = emit.floats([means.length, ...perChannel.slice(1)], means);
    const centred = emit.node("Sub", [context.input(0), centre]);
    const sum = total(emit.node("Mul", [gradient, centred]));
    return emit.node("Mul", [sum, emit.floats([inverse.length], inverse)]);
  };
  return [
    context.wants(0) ? byData() : undefined,
    context.wants(1) ? byScale() : undefined,
    context.wants(2) ? total(gradient) : undefined,
  ];
};
