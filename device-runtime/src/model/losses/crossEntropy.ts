// Cross-entropy of integer labels against logits.
import { type Shape, shapeText } from "../graph/dim.ts";
import { integer } from "../graph/graphEmitter.ts";
import { turnAway } from "../turnAway.ts";
import type { LossRule } from "./lossRule.ts";
import { sampleShares } from "./sampleShares.ts";

const classCount = (output: Shape): number => {
  const [, classes] = output;
  if (output.length !== 2 || typeof classes !== "number" || classes < 2) {
    return turnAway(
      "model.plan_invalid",
      `cross-entropy needs logits of shape [batch, classes], the model gives ${shapeText(output)}; take meanSquaredError`,
    );
  }
  return classes;
};

/**
 * Mean over the batch of `-log softmax(logits)[label]`, in nats.
 *
 * Written out instead of `SoftmaxCrossEntropyLoss`, which ONNX Runtime takes apart into a dozen small nodes: log-softmax, and a one-hot
 * truth that is prepared for all steps at once.
 */
export const crossEntropy: LossRule = {
  truthType: "int64",
  truthShape(output) {
    classCount(output);
    return output.slice(0, 1);
  },
  prepare(context) {
    const { emit } = context;
    const depth = emit.integers([classCount(context.output)]);
    const truth = emit.node("OneHot", [context.truth, depth, emit.floats([2], [0, 1])], {
      axis: integer(-1),
    });
    return new Map([
      ["truth", { name: truth, isPerStep: true }],
      ["shares", sampleShares(context)],
    ]);
  },
  step({ emit, output, prepared }) {
    const truth = prepared("truth");
    const shares = prepared("shares");
    const logProbability = emit.node("LogSoftmax", [output], { axis: integer(-1) });
    const probability = emit.node("Exp", [logProbability]);
    const share = emit.node("Mul", [truth, shares]);
    const loss = emit.node("Neg", [
      emit.node("ReduceSum", [emit.node("Mul", [share, logProbability])], {
        keepdims: integer(0),
      }),
    ]);
    const error = emit.node("Sub", [probability, truth]);
    return { loss, gradient: emit.node("Mul", [error, shares]) };
  },
};
