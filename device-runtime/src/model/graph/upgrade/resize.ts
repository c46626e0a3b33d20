// `Upsample` (until operator set 9) and `Resize` of operator set 10: both count positions from the corner and round down.
import { turnAway } from "../../turnAway.ts";
import { nodeText } from "../modelGraph.ts";
import { type UpgradeRule, withAttributes } from "./upgradeRule.ts";

const cornerwise = {
  coordinate_transformation_mode: { kind: "text", value: "asymmetric" },
  nearest_mode: { kind: "text", value: "floor" },
} as const;

/** A `Resize` with the same factors; they were an attribute before operator set 9. */
export const upgradeResize: UpgradeRule = ({ node, floats }) => {
  const [data = "", factors = ""] = node.inputs;
  const named = node.attributes.get("scales");
  if (factors === "" && named?.kind !== "floats") {
    return turnAway(
      "model.operator_unsupported",
      `${nodeText(node)} names no scales; export it with opset_version=17`,
    );
  }
  const scales = named?.kind === "floats" ? floats(named.value) : factors;
  const mode = node.attributes.get("mode");
  return [
    withAttributes(
      {
        ...node,
        operator: "Resize",
        inputs: [data, "", scales],
        attributes: new Map(mode === undefined ? [] : [["mode", mode]]),
      },
      cornerwise,
    ),
  ];
};
