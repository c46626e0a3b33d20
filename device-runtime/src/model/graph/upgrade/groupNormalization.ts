// `GroupNormalization` of operator sets 18 and 21, whose scales differ in length: as what both are short for.
import type { OnnxNode } from "../../onnx/nodeMessage.ts";
import { turnAway } from "../../turnAway.ts";
import { checkConstantRoom } from "../constantRoom.ts";
import { shapeText } from "../dim.ts";
import { integerAttribute, nodeText } from "../modelGraph.ts";
import type { UpgradeRule } from "./upgradeRule.ts";

/** Each group as a channel of an `InstanceNormalization`; a scale a channel (since 21) follows, a scale a group (18) is that operator's own. */
export const writeOutGroupNormalization: UpgradeRule = (context) => {
  const { node, opset } = context;
  const [data = "", scale = "", shift = ""] = node.inputs;
  const shape = context.shape(0);
  const groups = integerAttribute(node, "num_groups", 1);
  const [, channels] = shape;
  if (typeof channels !== "number" || groups < 1 || channels % groups !== 0) {
    return turnAway(
      "model.shape_invalid",
      `${nodeText(node)}: ${groups} groups of shape ${shapeText(shape)}, which they must divide; export the model again`,
    );
  }
  checkConstantRoom(node, groups);
  const write = (operator: string, inputs: string[], output: string, epsilon = false): OnnxNode => {
    const own = node.attributes.get("epsilon");
    const attributes: OnnxNode["attributes"] = new Map(
      epsilon && own !== undefined ? [["epsilon", own]] : [],
    );
    // Two nodes must not share a name, and messages name the outputs of those without one.
    return { name: "", operator, domain: "", inputs, outputs: [output], attributes };
  };
  const result = node.outputs[0] ?? "";
  const [grouped, normalized, whole] = [context.between(), context.between(), context.between()];
  const isPerGroup = opset < 21;
  const fill = (value: number): string =>
    context.floats(Array.from({ length: groups }, () => value));
  const own = isPerGroup ? [scale, shift] : [fill(1), fill(0)];
  // Whatever is unknown beside the batch is what the second `Reshape` finds out.
  const sizes = shape.map((dim, axis) => (axis === 0 ? 0 : typeof dim === "number" ? dim : -1));
  const nodes = [
    write("Reshape", [data, context.integers([0, groups, -1])], grouped),
    write("InstanceNormalization", [grouped, ...own], normalized, true),
    write("Reshape", [normalized, context.integers(sizes)], isPerGroup ? result : whole),
  ];
  if (isPerGroup) return nodes;
  const spatial = context.integers(shape.slice(2).map((_, axis) => axis + 1));
  const [tall, scaled, lifted] = [context.between(), context.between(), context.between()];
  return [
    ...nodes,
    write("Unsqueeze", [scale, spatial], tall),
    write("Mul", [whole, tall], scaled),
    write("Unsqueeze", [shift, spatial], lifted),
    write("Add", [scaled, lifted], result),
  ];
};
