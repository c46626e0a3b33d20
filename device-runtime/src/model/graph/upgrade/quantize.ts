// `QuantizeLinear` and `DequantizeLinear` of operator set 21, which can scale by blocks and name their type.
import { turnAway } from "../../turnAway.ts";
import { integerAttribute, nodeText } from "../modelGraph.ts";
import { type UpgradeRule, without } from "./upgradeRule.ts";

/** The node without the settings that the sets before do not know, where they say nothing. */
export const upgradeQuantize: UpgradeRule = ({ node }) => {
  const namesType = integerAttribute(node, "output_dtype", 0) !== 0;
  const isTyped = (node.inputs[2] ?? "") !== "" || node.operator === "DequantizeLinear";
  if (integerAttribute(node, "block_size", 0) !== 0 || (namesType && !isTyped)) {
    turnAway(
      "model.operator_unsupported",
      `${nodeText(node)} scales by blocks or has no zero point of its type; quantise by tensor or channel, with zero points`,
    );
  }
  return [{ ...node, attributes: without(node, ["block_size", "output_dtype"]) }];
};
