// Which parameters of a model are the running variances of normalisations. It must not judge what they hold.
import type { Outcome } from "@attune/protocol";
import { readModelFile } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { orRefusal } from "../turnAway.ts";
import { parameterUses } from "./parameterUses.ts";

/**
 * Names of the parameters by whose square root a `BatchNormalization` divides: at or below zero they make no variance, whatever
 * arithmetic gave them.
 *
 * - Pure, O(bytes).
 *
 * @param model bytes of an ONNX file, not trusted
 * @returns each name once, or why the file cannot be read
 */
export function runningVariances(model: Uint8Array): Outcome<ReadonlySet<string>> {
  return orRefusal(() => {
    const byNode = new Map<OnnxNode, string[]>();
    for (const { node, role, tensor } of parameterUses(readModelFile(model))) {
      if (node.operator !== "BatchNormalization" || role !== "statistic") continue;
      byNode.set(node, [...(byNode.get(node) ?? []), tensor.name]);
    }
    const names = new Set<string>();
    for (const [node, statistics] of byNode) {
      // Mean, then variance; with one of them computed, the other is known by its place.
      const [first, second] = statistics;
      if (second !== undefined) names.add(second);
      else if (first !== undefined && node.inputs[4] === first) names.add(first);
    }
    return names;
  });
}
