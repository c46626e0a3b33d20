// `Slice` before operator set 10: starts, ends and axes were attributes.
import { integersAttribute } from "../modelGraph.ts";
import { type UpgradeRule, withInputs } from "./upgradeRule.ts";

/** Starts, ends and axes become inputs. */
export const upgradeSlice: UpgradeRule = ({ node, integers }) => {
  const axes = integersAttribute(node, "axes");
  const inputs = [
    node.inputs[0] ?? "",
    integers(integersAttribute(node, "starts") ?? []),
    integers(integersAttribute(node, "ends") ?? []),
    ...(axes === undefined ? [] : [integers(axes)]),
  ];
  return [withInputs(node, inputs, ["starts", "ends", "axes"])];
};
