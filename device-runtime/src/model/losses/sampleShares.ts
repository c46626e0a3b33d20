// The share of each sample in a loss: 1 / batch, or its weight over the sum of weights.
import { integer } from "../graph/graphEmitter.ts";
import { elementCode } from "../onnx/elementType.ts";
import type { LossPreparation, PreparedValue } from "./lossRule.ts";

/**
 * Writes the shares of the samples, shaped to multiply an output of this rank; they add up to 1 over the batch.
 *
 * A batch whose weights are all 0 has shares of 0: no loss, no gradient, no NaN.
 *
 * @param importance a weight of each sample that counts in the sum only, because the loss itself holds it already: shares then add up to
 *   1 when each is multiplied by its own
 */
export function sampleShares(context: LossPreparation, importance?: string): PreparedValue {
  const { emit, weights, output } = context;
  if (weights === undefined && importance === undefined) {
    const [batch] = output;
    if (typeof batch === "number") {
      return { name: emit.floats([1], [1 / batch]), isPerStep: false };
    }
    // The batch's axis counted from the end is the same with and without an axis of steps before it. Labels have the batch alone.
    const truthRank = context.truthRank;
    const size = emit.node("Shape", [context.truth], {
      start: integer(-truthRank),
      ...(truthRank > 1 ? { end: integer(1 - truthRank) } : {}),
    });
    const count = emit.node("Cast", [size], { to: integer(elementCode("float32")) });
    return { name: emit.node("Reciprocal", [count]), isPerStep: false };
  }
  const counted =
    weights === undefined || importance === undefined
      ? (weights ?? importance ?? "")
      : emit.node("Mul", [weights, importance]);
  const sum = emit.node("ReduceSum", [counted, emit.integers([-1])], { keepdims: integer(1) });
  // The smallest normal float: an all-zero batch divides 0 by it.
  const positive = emit.node("Max", [sum, emit.scalar(2 ** -126)]);
  const shares =
    weights === undefined
      ? emit.node("Reciprocal", [positive])
      : emit.node("Div", [weights, positive]);
  const trailing = output.slice(1).map((_, axis) => -1 - axis);
  return {
    name:
      trailing.length === 0 ? shares : emit.node("Unsqueeze", [shares, emit.integers(trailing)]),
    isPerStep: true,
  };
}
