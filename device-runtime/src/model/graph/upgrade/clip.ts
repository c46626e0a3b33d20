// `Clip` before operator set 11: its bounds were attributes.
import { floatAttribute } from "../modelGraph.ts";
import { type UpgradeRule, withInputs } from "./upgradeRule.ts";

/** The bounds that are given become inputs. */
export const upgradeClip: UpgradeRule = ({ node, scalar }) => {
  const bound = (name: string): string =>
    node.attributes.has(name) ? scalar(floatAttribute(node, name, 0)) : "";
  return [withInputs(node, [node.inputs[0] ?? "", bound("min"), bound("max")], ["min", "max"])];
};
