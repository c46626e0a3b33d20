// `BatchNormalization` before operator set 14: more outputs meant training, and before 9 statistics could be kept per element.
import { turnAway } from "../../turnAway.ts";
import { integerAttribute, nodeText } from "../modelGraph.ts";
import { type UpgradeRule, without } from "./upgradeRule.ts";

/** The node of a model in evaluation mode, with its one output. */
export const upgradeBatchNormalization: UpgradeRule = ({ node }) => {
  if (node.outputs.slice(1).some((output) => output !== "")) {
    turnAway(
      "model.operator_unsupported",
      `${nodeText(node)} is in training mode; export the model in evaluation mode`,
    );
  }
  if (integerAttribute(node, "spatial", 1) === 0) {
    turnAway(
      "model.operator_unsupported",
      `${nodeText(node)} keeps statistics for every position (spatial=0); export it with opset_version=17`,
    );
  }
  return [{ ...node, outputs: node.outputs.slice(0, 1), attributes: without(node, ["spatial"]) }];
};
