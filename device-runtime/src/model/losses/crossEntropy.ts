// Cross-entropy of integer labels against logits.
import { type Shape, shapeText } from "../graph/dim.ts";
import { integer } from "../graph/graphEmitter.ts";
import { turnAway } from "../turnAway.ts";
import { distil } from "./distil.ts";
import type { LossRule, PreparedValue } from "./lossRule.ts";
import { sampleShares } from "./sampleShares.ts";

/** Settings of a cross-entropy, none left out. */
export interface CrossEntropySettings {
  readonly labelSmoothing: number;
  /** `null`: all 1. */
  readonly classWeights: readonly number[] | null;
  readonly distillation: { readonly weight: number; readonly temperature: number } | null;
}

const classCount = (output: Shape, weights: readonly number[] | null): number => {
  const [, classes] = output;
  if (output.length !== 2 || typeof classes !== "number" || classes < 2) {
    return turnAway(
      "model.plan_invalid",
      `cross-entropy needs logits of shape [batch, classes], the model gives ${shapeText(output)}; take meanSquaredError`,
    );
  }
  if (weights !== null && weights.length !== classes) {
    turnAway(
      "model.plan_invalid",
      `${weights.length} class weights for ${classes} classes; give one for each`,
    );
  }
  return classes;
};

/**
 * `-sum_n sum_c q_nc log softmax(x_n)_c / sum_n w(y_n)` in nats, where the truth `q_nc = w_c ((1 - s) [c = y_n] + s / C)` is the label `y_n`
 * smoothed by `s` over `C` classes of weights `w`. Without weights and smoothing: the mean of `-log softmax(x)[label]`.
 *
 * - Reduction: the weighted mean over the batch; a sample's weight multiplies its part of both sums.
 * - Gradient by the logits: `(softmax(x) sum_c q_c - q)` times the sample's share.
 *
 * Written out instead of `SoftmaxCrossEntropyLoss`, which ONNX Runtime takes apart into a dozen small nodes: log-softmax, and a one-hot
 * truth that is prepared for all steps at once.
 *
 * @see `torch.nn.CrossEntropyLoss` with `reduction="mean"`; Szegedy et al. 2016, section 7, for smoothing.
 */
export function crossEntropy(settings: CrossEntropySettings): LossRule {
  const { labelSmoothing, classWeights, distillation } = settings;
  return {
    scores: "logits",
    truthType: "int64",
    asksBase: distillation !== null,
    truthShape(output) {
      classCount(output, classWeights);
      return output.slice(0, 1);
    },
    prepare(context) {
      const { emit } = context;
      const classes = classCount(context.output, classWeights);
      const low = labelSmoothing / classes;
      const oneHot = emit.node(
        "OneHot",
        [
          context.truth,
          emit.integers([classes]),
          emit.floats([2], [low, 1 - labelSmoothing + low]),
        ],
        { axis: integer(-1) },
      );
      const prepared = new Map<string, PreparedValue>();
      if (distillation !== null) prepared.set("softShares", sampleShares(context));
      if (classWeights === null) {
        prepared.set("truth", { name: oneHot, isPerStep: true });
        prepared.set("shares", prepared.get("softShares") ?? sampleShares(context));
        return prepared;
      }
      const weights = emit.floats([classes], classWeights);
      const truth = emit.node("Mul", [oneHot, weights]);
      const mass = emit.node("ReduceSum", [truth, emit.integers([-1])], { keepdims: integer(1) });
      prepared.set("truth", { name: truth, isPerStep: true });
      prepared.set("mass", { name: mass, isPerStep: true });
      const own = emit.node("Gather", [weights, context.truth], { axis: integer(0) });
      prepared.set("shares", sampleShares(context, own));
      return prepared;
    },
    step(context) {
      const { emit, output, prepared } = context;
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
      const mass =
        classWeights === null ? probability : emit.node("Mul", [probability, prepared("mass")]);
      const error = emit.node("Sub", [mass, truth]);
      const hard = { loss, gradient: emit.node("Mul", [error, shares]) };
      return distillation === null ? hard : distil(context, hard, distillation);
    },
  };
}
