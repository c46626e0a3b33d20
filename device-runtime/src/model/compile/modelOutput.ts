// Which value of a model is its raw output, and which are its features. Used alike for training and for serving.
import { nodesBehind } from "../graph/loadGraph.ts";
import type { ModelFile } from "../onnx/modelFile.ts";
import { parameterUses } from "../parameters/parameterUses.ts";
import { turnAway } from "../turnAway.ts";

/**
 * The first output, or what goes into the softmax that makes it: losses and out-of-distribution scores work on raw scores, and
 * exported classifiers often end in probabilities.
 */
export function rawOutput(file: ModelFile): string {
  const [output] = file.outputs;
  if (output === undefined) return turnAway("model.graph_invalid", "model has no output");
  const last = file.nodes.find((node) => node.outputs[0] === output.name);
  const isSoftmax = last?.operator === "Softmax" || last?.operator === "LogSoftmax";
  return isSoftmax ? (last.inputs[0] ?? output.name) : output.name;
}

/** The file with only those nodes on which a value depends: other heads of a model are none of its layers. */
export function nodesOf(file: ModelFile, output: string): ModelFile {
  return { ...file, nodes: nodesBehind(file.nodes, [output]) };
}

/** What the last layer with a weight works on. */
export function featureValue(file: ModelFile): string {
  const weights = parameterUses(file).filter((use) => use.role === "weight");
  const head = weights.at(-1);
  if (head === undefined) {
    return turnAway(
      "model.graph_invalid",
      "model has no layer with a weight, so it has no features",
    );
  }
  return head.data;
}
