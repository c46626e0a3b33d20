// Gradient of `ConvTranspose`: a convolution seen from its other side.
import { integer, integers } from "../graph/graphEmitter.ts";
import { integerAttribute, nodeText } from "../graph/modelGraph.ts";
import { reachOf, readTransposedWindow } from "../graph/window.ts";
import { turnAway } from "../turnAway.ts";
import { biasGradient, weightDims } from "./conv.ts";
import { convWeightForms } from "./convWeightForms.ts";
import type { GradientRule } from "./gradientRule.ts";

/** dX is the convolution of dY with the same weight; dW is that convolution's weight gradient, with dY as its data and X as its gradient. */
export const convTransposeGradient: GradientRule = (context) => {
  const { node, emit, gradient } = context;
  const weight = weightDims(context);
  const groups = integerAttribute(node, "group", 1);
  const window = readTransposedWindow(node, context.shapeOf(context.input(0)), weight.slice(2));
  const isBeyond = window.inputSizes.some((size, axis) => {
    const padded = size + (window.padsBefore[axis] ?? 0) + (window.padsAfter[axis] ?? 0);
    return padded - reachOf(window, axis) >= (window.strides[axis] ?? 1);
  });
  if (isBeyond) {
    turnAway(
      "model.operator_unsupported",
      `${nodeText(node)} pads its output by a whole stride or more; export it with a smaller output_padding`,
    );
  }
  return [
    context.wants(0)
      ? emit.node("Conv", [gradient, context.input(1)], {
          dilations: integers(window.dilations),
          group: integer(groups),
          pads: integers([...window.padsBefore, ...window.padsAfter]),
          strides: integers(window.strides),
        })
      : undefined,
    context.wants(1)
      ? context.lower(
          "conv.weight",
          convWeightForms({ window, weight, groups, image: gradient, gradient: context.input(0) }),
        )
      : undefined,
    context.wants(2) ? biasGradient(context) : undefined,
  ];
};
