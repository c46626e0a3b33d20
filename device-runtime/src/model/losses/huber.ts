// Huber's loss: squares near the target, lines far from it.
import { elementwiseLoss } from "./elementwiseLoss.ts";
import type { LossRule } from "./lossRule.ts";

/**
 * Mean over batch and elements of `e² / 2` where `|e| <= delta`, and `delta (|e| - delta / 2)` beyond, with `e = output - target`; gradient: `e`
 * cut to `[-delta, delta]`.
 *
 * With `c` the cut error both parts are `c (e - c / 2)`.
 *
 * @see `torch.nn.HuberLoss` with `reduction="mean"`; Huber 1964, section 4.
 */
export function huber(delta: number): LossRule {
  return elementwiseLoss({
    name: "Huber's loss",
    scores: "values",
    write({ emit, output, target }) {
      const error = emit.node("Sub", [output, target]);
      const cut = emit.node("Clip", [error, emit.scalar(-delta), emit.scalar(delta)]);
      const half = emit.node("Mul", [cut, emit.scalar(0.5)]);
      return {
        losses: emit.node("Mul", [cut, emit.node("Sub", [error, half])]),
        slopes: cut,
      };
    },
  });
}
