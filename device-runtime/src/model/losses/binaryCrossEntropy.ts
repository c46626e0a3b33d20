// Binary cross-entropy of raw scores, for labels of which any number may hold at once.
import { shapeText } from "../graph/dim.ts";
import { turnAway } from "../turnAway.ts";
import { elementwiseLoss } from "./elementwiseLoss.ts";
import type { LossRule } from "./lossRule.ts";

/**
 * Mean over batch and elements of `-(p y log s(x) + (1 - y) log(1 - s(x)))` in nats, `s` the sigmoid, `y` the target in `[0, 1]`, `p` the weight of
 * the positive part (1 where there is none).
 *
 * - Computed as `(1 - y) x + (1 + (p - 1) y) softplus(-x)`, finite for every finite score. Gradient: `(1 + (p - 1) y) s(x) - p y`.
 *
 * @param positiveWeights one for each place of the last axis; `null`: all 1
 * @see `torch.nn.BCEWithLogitsLoss` with `reduction="mean"`.
 */
export function binaryCrossEntropy(positiveWeights: readonly number[] | null): LossRule {
  const rule = elementwiseLoss({
    name: "binary cross-entropy",
    scores: "binary logits",
    prepare({ emit, truth }) {
      const one = emit.scalar(1);
      const negative = {
        name: emit.node("Sub", [one, truth]),
        isPerStep: true,
      };
      if (positiveWeights === null) return new Map([["negative", negative]]);
      const weights = emit.floats([positiveWeights.length], positiveWeights);
      const positive = emit.node("Mul", [truth, weights]);
      const scale = emit.node("Add", [negative.name, positive]);
      return new Map([
        ["negative", negative],
        ["positive", { name: positive, isPerStep: true }],
        ["scale", { name: scale, isPerStep: true }],
      ]);
    },
    write({ emit, output, target, prepared }) {
      const scaled = (value: string): string =>
        positiveWeights === null ? value : emit.node("Mul", [value, prepared("scale")]);
      const above = emit.node("Mul", [output, prepared("negative")]);
      const below = emit.node("Softplus", [emit.node("Neg", [output])]);
      const positive = positiveWeights === null ? target : prepared("positive");
      return {
        losses: emit.node("Add", [above, scaled(below)]),
        slopes: emit.node("Sub", [scaled(emit.node("Sigmoid", [output])), positive]),
      };
    },
  });
  if (positiveWeights === null) return rule;
  return {
    ...rule,
    truthShape(output) {
      if (output.at(-1) !== positiveWeights.length || output.length < 2) {
        turnAway(
          "model.plan_invalid",
          `${positiveWeights.length} positive weights for an output of ${shapeText(output)}; give one for each place of the last axis`,
        );
      }
      return rule.truthShape(output);
    },
  };
}
