// Mean squared error.
import { multiplyDims, shapeText } from "../graph/dim.ts";
import { integer } from "../graph/graphEmitter.ts";
import { turnAway } from "../turnAway.ts";
import type { LossRule } from "./lossRule.ts";
import { sampleShares } from "./sampleShares.ts";

/** Mean over batch and elements of `(output - target)²`. */
export const meanSquaredError: LossRule = {
  truthType: "float32",
  truthShape(output) {
    if (output.length === 0 || typeof multiplyDims(output.slice(1)) !== "number") {
      return turnAway(
        "model.plan_invalid",
        `mean squared error needs an output of known size per sample, the model gives ${shapeText(output)}`,
      );
    }
    return output;
  },
  prepare(context) {
    return new Map([
      ["truth", { name: context.truth, isPerStep: true }],
      ["shares", sampleShares(context)],
    ]);
  },
  step({ emit, output, outputShape, prepared }) {
    const size = multiplyDims(outputShape.slice(1));
    const perElement = emit.scalar(1 / (typeof size === "number" ? size : 1));
    const error = emit.node("Sub", [output, prepared("truth")]);
    const share = emit.node("Mul", [prepared("shares"), perElement]);
    const weighted = emit.node("Mul", [error, share]);
    const loss = emit.node("ReduceSum", [emit.node("Mul", [weighted, error])], {
      keepdims: integer(0),
    });
    return { loss, gradient: emit.node("Mul", [weighted, emit.scalar(2)]) };
  },
};
