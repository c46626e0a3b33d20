// `Split`: its sizes were an attribute before operator set 13, and equal parts went without saying before 18.
import { integer } from "../graphEmitter.ts";
import { integersAttribute } from "../modelGraph.ts";
import { type UpgradeRule, withAttributes, withInputs } from "./upgradeRule.ts";

/** The sizes become an input; where there are none, the number of parts is named. */
export const upgradeSplit: UpgradeRule = ({ node, opset, integers }) => {
  const sizes = opset < 13 ? integersAttribute(node, "split") : undefined;
  if (sizes !== undefined) {
    return [withInputs(node, [node.inputs[0] ?? "", integers(sizes)], ["split"])];
  }
  if ((node.inputs[1] ?? "") !== "") return [node];
  return [withAttributes(node, { num_outputs: integer(node.outputs.length) })];
};
