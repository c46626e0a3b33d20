// Gradient of `Conv` over any number of spatial axes, with groups, strides, pads and dilations.
import { integer } from "../graph/graphEmitter.ts";
import { integerAttribute, knownDim } from "../graph/modelGraph.ts";
import { readWindow } from "../graph/window.ts";
import { convDataForms } from "./convDataForms.ts";
import { convWeightForms } from "./convWeightForms.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";

/** Gradients by data, weight and bias. */
export const convGradient: GradientRule = (context) => {
  const { node, gradient } = context;
  const weight = weightDims(context);
  const groups = integerAttribute(node, "group", 1);
  const window = readWindow(node, context.shapeOf(context.input(0)), weight.slice(2));
  const forms = { window, weight, groups };
  return [
    context.wants(0)
      ? context.lower(
          "conv.data",
          convDataForms({ ...forms, gradient, weightName: context.input(1) }),
        )
      : undefined,
    context.wants(1)
      ? context.lower(
          "conv.weight",
          convWeightForms({ ...forms, gradient, image: context.input(0) }),
        )
      : undefined,
    context.wants(2) ? biasGradient(context) : undefined,
  ];
};

/** Sizes of a convolution's weight. */
export function weightDims(context: GradientContext): readonly number[] {
  return context
    .shapeOf(context.input(1))
    .map((dim) => knownDim(context.node, dim, "the weight's shape"));
}

/** The gradient of a bias a channel: dY summed over everything else. */
export function biasGradient(context: GradientContext): string {
  const { emit } = context;
  const rank = context.shapeOf(context.output).length;
  const axes = Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== 1);
  return emit.node("ReduceSum", [context.gradient, emit.integers(axes)], { keepdims: integer(0) });
}
