// `Pad` before operator set 11: amounts and value were attributes.
import { floatAttribute, integersAttribute } from "../modelGraph.ts";
import { type UpgradeRule, withInputs } from "./upgradeRule.ts";

/** Amounts and value become inputs. */
export const upgradePad: UpgradeRule = ({ node, integers, scalar }) => [
  withInputs(
    node,
    [
      node.inputs[0] ?? "",
      integers(integersAttribute(node, "pads") ?? []),
      scalar(floatAttribute(node, "value", 0)),
    ],
    ["pads", "value"],
  ),
];
