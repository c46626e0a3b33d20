// `Squeeze`, `Unsqueeze` and `ReduceSum` before operator set 13, other reductions before 18: their axes were an attribute.
import { integersAttribute } from "../modelGraph.ts";
import { type UpgradeRule, withInputs } from "./upgradeRule.ts";

/** The axes become the second input; without any the node stays as it is. */
export const axesToInput: UpgradeRule = ({ node, integers }) => {
  const axes = integersAttribute(node, "axes");
  return axes === undefined
    ? [node]
    : [withInputs(node, [node.inputs[0] ?? "", integers(axes)], ["axes"])];
};
