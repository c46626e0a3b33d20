// Integers of an input that a gradient needs ahead of the run.
import { nodeText } from "../graph/modelGraph.ts";
import { tensorNumbers } from "../onnx/tensorMessage.ts";
import { turnAway } from "../turnAway.ts";
import type { GradientContext } from "./gradientRule.ts";

/** Elements of a constant integer input; undefined where it is left out. */
export function constantIntegers(
  context: GradientContext,
  index: number,
  what: string,
): readonly number[] | undefined {
  if (context.input(index) === "") return undefined;
  const tensor = context.constant(index);
  if (tensor === undefined) {
    return turnAway(
      "model.operator_unsupported",
      `${nodeText(context.node)} computes its ${what} while the model runs, so it has no gradient; export it with fixed ${what}`,
    );
  }
  return Array.from(tensorNumbers(tensor));
}
