// `Dropout` before operator set 12: its ratio was an attribute, and a file for inference drops nothing.
import { type UpgradeRule, withInputs } from "./upgradeRule.ts";

/** Without a third input the node drops nothing, whatever its ratio. */
export const upgradeDropout: UpgradeRule = ({ node }) => [
  withInputs(node, node.inputs.slice(0, 1), ["ratio", "seed"]),
];
