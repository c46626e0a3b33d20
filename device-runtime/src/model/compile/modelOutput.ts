// Which value of a model is its raw output, and which are its features. Used alike for training and for serving.
import type { DimSizes } from "../graph/dataInputs.ts";
import { dimText, isSameDim, type Shape, shapeText } from "../graph/dim.ts";
import { loadGraph, nodesBehind } from "../graph/loadGraph.ts";
import { integerAttribute, type ModelGraph, nodeText } from "../graph/modelGraph.ts";
import type { RawScores } from "../losses/lossRule.ts";
import type { ModelFile } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { parameterUses } from "../parameters/parameterUses.ts";
import { turnAway } from "../turnAway.ts";
import { batchOf } from "./sampleInputs.ts";

/** Which output of a model is meant, and what it is for. */
export interface OutputChoice {
  /** By name; the file's first if left out. */
  readonly output?: string | undefined;
  readonly dims?: DimSizes | undefined;
  /** What the loss works on. */
  readonly scores: RawScores;
  /** Whether probabilities that can not be cut away are turned away, because a loss would take them for scores. */
  readonly isForLoss: boolean;
}

/** A model that ends in what a loss works on. */
export interface RawOutput {
  readonly name: string;
  readonly graph: ModelGraph;
  /** The file as the graph is of it: without the function that made probabilities, where something stands behind that. */
  readonly file: ModelFile;
}

/** Operators that give the values that they get, in their order. */
const views: ReadonlySet<string> = new Set([
  "Dropout",
  "Flatten",
  "Identity",
  "Reshape",
  "Squeeze",
  "Unsqueeze",
]);

/** Operators behind which probabilities still are some. */
const keepers: ReadonlySet<string> = new Set(["Clip", "Gather", "Slice", "Transpose"]);

/** Functions that make probabilities, or their logarithms, by the scores that they are made of. */
const makers: ReadonlyMap<string, RawScores> = new Map([
  ["LogSoftmax", "logits"],
  ["Sigmoid", "binary logits"],
  ["Softmax", "logits"],
]);

/**
 * The output, or what goes into the function that makes probabilities of it: exported classifiers often end in a softmax or a sigmoid,
 * and losses and out-of-distribution scores work on raw scores.
 *
 * - A softmax is cut away where each row of the output is one of its rows, a sigmoid everywhere; views behind them stay.
 */
export function rawOutput(file: ModelFile, choice: OutputChoice): RawOutput {
  const raw = scoresOf(file, choice);
  checkType(raw);
  checkRows(raw);
  return raw;
}

function scoresOf(file: ModelFile, choice: OutputChoice): RawOutput {
  const name = outputName(file, choice.output);
  const graph = loadGraph(file, [name], choice.dims);
  if (choice.scores === "values") return { name, graph, file };
  const made = new Map(graph.nodes.flatMap((node) => node.outputs.map((one) => [one, node])));
  let behind: OnnxNode | undefined;
  let isKept = false;
  let last = made.get(name);
  while (last !== undefined && last.domain === "") {
    if (makers.has(last.operator)) break;
    if (keepers.has(last.operator)) isKept = true;
    else if (!views.has(last.operator)) return { name, graph, file };
    behind = last;
    last = made.get(last.inputs[0] ?? "");
  }
  if (last === undefined || last.domain !== "") return { name, graph, file };
  const [from = ""] = last.outputs;
  const isOwn =
    !isKept &&
    makers.get(last.operator) === choice.scores &&
    (choice.scores === "binary logits" || hasItsRows(graph, last, name)) &&
    file.nodes.some((node) => node.outputs[0] === from);
  if (!isOwn) return choice.isForLoss ? refuse(last, choice.scores) : { name, graph, file };
  const [raw = ""] = last.inputs;
  if (behind === undefined) return { name: raw, graph: without(graph, graph.nodes, raw), file };
  const [output = ""] = behind.outputs;
  const bypass = (nodes: readonly OnnxNode[]): OnnxNode[] =>
    nodes.map((node) =>
      node.outputs[0] === output ? { ...node, inputs: [raw, ...node.inputs.slice(1)] } : node,
    );
  return {
    name,
    graph: without(graph, bypass(graph.nodes), name),
    file: { ...file, nodes: bypass(file.nodes) },
  };
}

function outputName(file: ModelFile, wanted: string | undefined): string {
  const names = file.outputs.map((output) => output.name);
  const name = wanted ?? names[0];
  if (name === undefined) return turnAway("model.graph_invalid", "model has no output");
  if (names.includes(name)) return name;
  return turnAway(
    "model.plan_invalid",
    `the model has no output ${name}; it has ${names.join(", ")}`,
  );
}

function checkType({ name, graph }: RawOutput): void {
  const type = graph.values.get(name)?.type ?? "float32";
  if (type === "float32") return;
  turnAway(
    "model.plan_invalid",
    `output ${name} is ${type}, scores are float32; name another output in the plan, or export the model with its scores`,
  );
}

/** Every row of the truth belongs to one sample, so an output has one row a sample. */
function checkRows({ name, graph }: RawOutput): void {
  const shape = graph.values.get(name)?.shape ?? [];
  const batch = batchOf(graph);
  const [rows] = shape;
  if (rows !== undefined && isSameDim(rows, batch)) return;
  turnAway(
    "model.shape_invalid",
    `output ${name} is ${shapeText(shape)}, but its first size must be the batch, ${dimText(batch)}; export the model so that each sample has values of its own, or name another output in the plan`,
  );
}

/** Whether the rows of an output, along its last axis, are those over which a softmax adds up to 1. */
function hasItsRows(graph: ModelGraph, softmax: OnnxNode, output: string): boolean {
  const shapeOf = (name: string): Shape => graph.values.get(name)?.shape ?? [];
  const shape = shapeOf(softmax.outputs[0] ?? "");
  const named = integerAttribute(softmax, "axis", -1);
  const axis = named < 0 ? named + shape.length : named;
  return (
    typeof shape[axis] === "number" &&
    shape[axis] === shapeOf(output).at(-1) &&
    shape.slice(axis + 1).every((dim) => dim === 1)
  );
}

const without = (graph: ModelGraph, nodes: readonly OnnxNode[], output: string): ModelGraph => ({
  ...graph,
  outputs: [output],
  nodes: nodesBehind(nodes, [output]),
});

function refuse(node: OnnxNode, scores: RawScores): never {
  const [own, other] =
    scores === "logits"
      ? (["crossEntropy", "binaryCrossEntropy"] as const)
      : (["binaryCrossEntropy", "crossEntropy"] as const);
  return turnAway(
    "model.plan_invalid",
    makers.get(node.operator) === scores
      ? `${own} works on raw scores, and ${nodeText(node)} makes probabilities of other rows than the output has, or that are changed afterwards; export the model without it and what follows it, or take meanSquaredError`
      : `${own} works on raw scores, and the model ends in the probabilities of ${nodeText(node)}; take ${other}, or export the model without it`,
  );
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
