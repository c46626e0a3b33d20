// Gradient of operators that pass their input on: `Identity`, and `Dropout` at inference.
import { nodeText } from "../graph/modelGraph.ts";
import { turnAway } from "../turnAway.ts";
import type { GradientRule } from "./gradientRule.ts";

/** dX = dY. */
export const identityGradient: GradientRule = ({ gradient }) => [gradient];

/** dX = dY: dropout as exported for inference drops nothing. */
export const dropoutGradient: GradientRule = (context) => {
  const mode = context.constant(2);
  const isInference = (context.node.inputs[2] ?? "") === "" || mode?.bytes[0] === 0;
  if (!isInference) {
    turnAway(
      "model.operator_unsupported",
      `${nodeText(context.node)} drops at random; export the model in evaluation mode`,
    );
  }
  return [context.gradient];
};
