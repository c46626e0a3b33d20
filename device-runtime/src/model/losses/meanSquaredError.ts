// Mean squared error.
import { elementwiseLoss } from "./elementwiseLoss.ts";
import type { LossRule } from "./lossRule.ts";

/**
 * Mean over batch and elements of `e²` with `e = output - target`; gradient `2 e`.
 *
 * @see `torch.nn.MSELoss` with `reduction="mean"`.
 */
export const meanSquaredError: LossRule = elementwiseLoss({
  name: "mean squared error",
  scores: "values",
  write({ emit, output, target }) {
    const error = emit.node("Sub", [output, target]);
    return {
      losses: emit.node("Mul", [error, error]),
      slopes: emit.node("Mul", [error, emit.scalar(2)]),
    };
  },
});
