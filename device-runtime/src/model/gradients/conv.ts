// Gradient of `Conv` over any number of spatial axes, with groups, strides, pads and dilations.
import { integer } from "../graph/graphEmitter.ts";
import { integerAttribute, knownDim } from "../graph/modelGraph.ts";
import { readWindow } from "../graph/window.ts";
import type { Form } from "../lowering/lowering.ts";
import { convDataForms } from "./convDataForms.ts";
import { type ConvResult, convTilesForm } from "./convTiles.ts";
import { convWeightForms } from "./convWeightForms.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";

/** Gradients by data, weight and bias. */
export const convGradient: GradientRule = (context) => {
  const { node, emit, gradient } = context;
  const weight = weightDims(context);
  const groups = integerAttribute(node, "group", 1);
  const window = readWindow(node, context.shapeOf(context.input(0)), weight.slice(2));
  const [wantsData, wantsWeight] = [context.wants(0), context.wants(1)];
  const bias = context.wants(2) ? biasGradient(context) : undefined;
  const task = { window, weight, groups, gradient };
  const dataForms = convDataForms({ ...task, weightName: context.input(1) });
  const weightForms = convWeightForms({ ...task, image: context.input(0) });

  // Chosen even where tiles are taken, so that a device can time what else there is.
  const dataForm = wantsData ? context.choose("conv.data", dataForms) : undefined;
  const weightForm = wantsWeight ? context.choose("conv.weight", weightForms) : undefined;
  const direct: Form<ConvResult> = {
    name: "direct",
    write: (into) => [context.output, weightForm?.write(into), dataForm?.write(into)],
  };
  const writeTiles = wantsWeight ? convTilesForm({ ...task, node, wantsData }) : undefined;
  const form =
    writeTiles === undefined
      ? direct
      : context.choose("conv", [direct, { name: "tiles", write: writeTiles }]);
  const [, byWeight, byData] = form.write(emit);
  return [byData, byWeight, bias];
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
