// Shapes of `LSTM`, `GRU` and `RNN`, and the settings that they share.
import type { OnnxNode } from "../../onnx/nodeMessage.ts";
import { turnAway } from "../../turnAway.ts";
import { type Dim, isSameDim, shapeText } from "../dim.ts";
import { integerAttribute, knownDim, nodeText, textAttribute } from "../modelGraph.ts";
import { type ShapeContext, type ShapeRule, shapeMismatch } from "./shapeRule.ts";

/** Rows of the weights per hidden unit. */
const gateCounts: ReadonlyMap<string, number> = new Map([
  ["GRU", 3],
  ["LSTM", 4],
  ["RNN", 1],
]);

/** Which way each of a layer's directions goes through time: true for forward. */
export function directionsOf(node: OnnxNode): readonly boolean[] {
  const direction = textAttribute(node, "direction", "forward");
  if (direction === "forward") return [true];
  if (direction === "reverse") return [false];
  if (direction === "bidirectional") return [true, false];
  return shapeMismatch(node, `has the unknown direction ${direction}`);
}

/** Outputs over time `[time, directions, batch, hidden]`, and last states `[directions, batch, hidden]`. */
export const recurrentShape: ShapeRule = (context) => {
  const { node } = context;
  if (integerAttribute(node, "layout", 0) !== 0) {
    turnAway(
      "model.operator_unsupported",
      `${nodeText(node)} takes the batch first (layout=1), which ONNX Runtime cannot run on a CPU; export it with layout=0`,
    );
  }
  const data = context.input(0);
  const [time, batch, width] = data.shape;
  if (time === undefined || batch === undefined || width === undefined || data.shape.length !== 3) {
    return shapeMismatch(node, `reads ${shapeText(data.shape)}, must be [time, batch, width]`);
  }
  const directions = directionsOf(node).length;
  const recurrence = context.input(2).shape;
  const hidden = knownDim(node, recurrence[2], "the number of hidden units");
  const rows = hidden * (gateCounts.get(node.operator) ?? 1);
  expectShape(context, 1, [directions, rows, width]);
  expectShape(context, 2, [directions, rows, hidden]);
  expectShape(context, 3, [directions, 2 * rows]);
  for (const state of node.operator === "LSTM" ? [5, 6] : [5]) {
    expectShape(context, state, [directions, batch, hidden]);
  }
  const last = { type: data.type, shape: [directions, batch, hidden] };
  const all = { type: data.type, shape: [time, directions, batch, hidden] };
  return node.operator === "LSTM" ? [all, last, last] : [all, last];
};

function expectShape(context: ShapeContext, index: number, expected: readonly Dim[]): void {
  if (!context.has(index)) return;
  const { shape } = context.input(index);
  const fits =
    shape.length === expected.length &&
    shape.every((dim, axis) => {
      const other = expected[axis] ?? 1;
      // A state's batch may come from arithmetic that is not known ahead.
      return isSameDim(dim, other) || typeof dim !== "number" || typeof other !== "number";
    });
  if (!fits) {
    shapeMismatch(
      context.node,
      `input ${index} is ${shapeText(shape)}, must be ${shapeText(expected)}`,
    );
  }
}
