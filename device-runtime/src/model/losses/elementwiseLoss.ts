// The frame of losses that compare output and target element by element: mean over the batch and over the elements of a sample.
import { multiplyDims, shapeText } from "../graph/dim.ts";
import { type GraphEmitter, integer } from "../graph/graphEmitter.ts";
import { turnAway } from "../turnAway.ts";
import type { LossPreparation, LossRule, LossStep, PreparedValue } from "./lossRule.ts";
import { sampleShares } from "./sampleShares.ts";

/** A loss of single elements. */
export interface ElementwiseLoss {
  /** As messages call it. */
  readonly name: string;
  readonly scores: "binary logits" | "values";
  /** Work that depends on the targets only. */
  prepare?(context: LossPreparation): ReadonlyMap<string, PreparedValue>;
  /** Loss and gradient of every element, in the output's shape. */
  write(
    step: Pick<LossStep, "output" | "prepared"> & {
      readonly emit: GraphEmitter;
      readonly target: string;
    },
  ): { readonly losses: string; readonly slopes: string };
}

/** Makes a rule of a loss of single elements: targets in the output's shape, each sample weighing its share. */
export function elementwiseLoss(loss: ElementwiseLoss): LossRule {
  return {
    scores: loss.scores,
    truthType: "float32",
    asksBase: false,
    truthShape(output) {
      if (output.length === 0 || typeof multiplyDims(output.slice(1)) !== "number") {
        return turnAway(
          "model.plan_invalid",
          `${loss.name} needs an output of known size per sample, the model gives ${shapeText(output)}`,
        );
      }
      return output;
    },
    prepare(context) {
      return new Map([
        ["truth", { name: context.truth, isPerStep: true }],
        ["shares", sampleShares(context)],
        ...(loss.prepare?.(context) ?? []),
      ]);
    },
    step({ emit, output, outputShape, prepared }) {
      const size = multiplyDims(outputShape.slice(1));
      const perElement = emit.scalar(1 / (typeof size === "number" ? size : 1));
      const share = emit.node("Mul", [prepared("shares"), perElement]);
      const target = prepared("truth");
      const { losses, slopes } = loss.write({ emit, output, prepared, target });
      return {
        loss: emit.node("ReduceSum", [emit.node("Mul", [losses, share])], {
          keepdims: integer(0),
        }),
        gradient: emit.node("Mul", [slopes, share]),
      };
    },
  };
}
