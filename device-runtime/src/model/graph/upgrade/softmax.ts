// `Softmax` and `LogSoftmax` before operator set 13: they worked on everything from an axis on, as one row.
import { integer } from "../graphEmitter.ts";
import { integerAttribute, resolveAxis } from "../modelGraph.ts";
import { type UpgradeRule, withAttributes } from "./upgradeRule.ts";

/** Along the last axis both forms are one; elsewhere the value is flattened to rows and brought back. */
export const upgradeSoftmax: UpgradeRule = ({ node, shape, between }) => {
  const rank = shape(0).length;
  const axis = resolveAxis(node, integerAttribute(node, "axis", 1), rank);
  if (axis === rank - 1) return [withAttributes(node, { axis: integer(-1) })];
  const [data = ""] = node.inputs;
  const [rows, soft, size] = [between(), between(), between()];
  const plain = { name: "", domain: "" };
  return [
    {
      ...plain,
      operator: "Flatten",
      inputs: [data],
      outputs: [rows],
      attributes: new Map([["axis", integer(axis)]]),
    },
    {
      ...node,
      inputs: [rows],
      outputs: [soft],
      attributes: new Map([["axis", integer(-1)]]),
    },
    { ...plain, operator: "Shape", inputs: [data], outputs: [size], attributes: new Map() },
    {
      ...plain,
      operator: "Reshape",
      inputs: [soft, size],
      outputs: node.outputs,
      attributes: new Map(),
    },
  ];
};
