// Gradients of `DepthToSpace` and `SpaceToDepth`, which only move elements.
import { integer, integers } from "../graph/graphEmitter.ts";
import { integerAttribute, knownDim, textAttribute } from "../graph/modelGraph.ts";
import type { GradientRule } from "./gradientRule.ts";

/** `SpaceToDepth`: back to space. */
export const spaceToDepthGradient: GradientRule = ({ node, emit, gradient }) => [
  emit.node("DepthToSpace", [gradient], {
    blocksize: integer(integerAttribute(node, "blocksize", 1)),
    mode: { kind: "text", value: "DCR" },
  }),
];

/** `DepthToSpace`: back to depth; where columns and rows come before the depth no single operator does it. */
export const depthToSpaceGradient: GradientRule = (context) => {
  const { node, emit, gradient } = context;
  const size = integerAttribute(node, "blocksize", 1);
  if (textAttribute(node, "mode", "DCR") === "DCR") {
    return [emit.node("SpaceToDepth", [gradient], { blocksize: integer(size) })];
  }
  const [, channels, height, width] = context
    .shapeOf(context.input(0))
    .map((dim, axis) => (axis === 0 ? -1 : knownDim(node, dim, `the size of axis ${axis}`)));
  const [depth, rows, columns] = [channels ?? 1, height ?? 1, width ?? 1];
  const blocks = emit.integers([-1, depth / (size * size), rows, size, columns, size]);
  const taken = emit.node("Transpose", [emit.node("Reshape", [gradient, blocks])], {
    perm: integers([0, 1, 3, 5, 2, 4]),
  });
  return [emit.node("Reshape", [taken, emit.integers([-1, depth, rows, columns])])];
};
