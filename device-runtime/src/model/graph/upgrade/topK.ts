// `TopK` before operator set 10: the number of elements was an attribute.
import { integerAttribute } from "../modelGraph.ts";
import { type UpgradeRule, withInputs } from "./upgradeRule.ts";

/** The number becomes an input. */
export const upgradeTopK: UpgradeRule = ({ node, integers }) => [
  withInputs(node, [node.inputs[0] ?? "", integers([integerAttribute(node, "k", 1)])], ["k"]),
];
