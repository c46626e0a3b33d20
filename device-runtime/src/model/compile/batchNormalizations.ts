// `BatchNormalization` that learns by the batch: how it is marked in the graph that is differentiated, and what a step computes of it.
import type { KnownNormalization } from "../gradients/normalized.ts";
import { type Dim, multiplyDims } from "../graph/dim.ts";
import { type GraphEmitter, integer } from "../graph/graphEmitter.ts";
import { floatAttribute, type ModelGraph, nodeText } from "../graph/modelGraph.ts";
import { elementCode } from "../onnx/elementType.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import type { RunningNormalization } from "../parameters/runningStatistics.ts";
import { turnAway } from "../turnAway.ts";

/** A graph whose normalisations of the scope go by the batch. */
export interface BatchNormalized {
  readonly graph: ModelGraph;
  /** By the first output of their nodes. */
  readonly normalizations: ReadonlyMap<string, RunningNormalization>;
  /** The smallest batch with two values a channel: 2 where a normalisation has one value a sample, else 1. */
  readonly batchSizeMin: number;
}

/** How many values of each channel there are. */
function valueCount(graph: ModelGraph, node: OnnxNode): Dim {
  const shape = graph.values.get(node.inputs[0] ?? "")?.shape ?? [];
  return multiplyDims(shape.filter((_, axis) => axis !== 1));
}

/** Puts nodes into training mode. */
export function normalizeByBatch(
  graph: ModelGraph,
  running: readonly RunningNormalization[],
): BatchNormalized {
  const normalizations = new Map(running.map((one) => [one.output, one]));
  let batchSizeMin = 1;
  const nodes = graph.nodes.map((node) => {
    if (!normalizations.has(node.outputs[0] ?? "")) return node;
    const count = valueCount(graph, node);
    if (count === 1) {
      turnAway(
        "model.operator_unsupported",
        `${nodeText(node)} sees one value a channel and batch, which has no variance; export the model with an open or a larger batch, or leave batchNormalization out`,
      );
    }
    if (typeof count !== "number" && count.factor === 1) batchSizeMin = 2;
    const further = node.outputs.slice(1);
    if (graph.nodes.some(({ inputs }) => inputs.some((name) => further.includes(name)))) {
      turnAway(
        "model.operator_unsupported",
        `${nodeText(node)} hands its running statistics to other nodes; export the model in evaluation mode`,
      );
    }
    const attributes: OnnxNode["attributes"] = new Map([
      ...node.attributes,
      ["training_mode", integer(1)],
    ]);
    return { ...node, outputs: node.outputs.slice(0, 1), attributes };
  });
  return { graph: { ...graph, nodes }, normalizations, batchSizeMin };
}

/** What a step has written of a normalisation. */
export interface WrittenNormalization {
  readonly known: KnownNormalization;
  readonly nextMean: string;
  readonly nextVariance: string;
}

/**
 * Writes a normalisation by the batch, and its running statistics after it:
 * `next = momentum old + (1 - momentum) batch`, the batch's variance with `n - 1` below, of n values a channel.
 *
 * In primitives, because the operator in training mode counts the variance with n, and WebGPU does not have it.
 *
 * @param before names of the statistics before this node
 * @see Ioffe and Szegedy 2015, algorithm 2, step 10, for `n / (n - 1)`; the ONNX momentum is 1 less PyTorch's.
 */
export function writeBatchNormalization(
  emit: GraphEmitter,
  graph: ModelGraph,
  node: OnnxNode,
  before: { readonly mean: string; readonly variance: string },
): WrittenNormalization {
  const [data = "", scale = "", shift = ""] = node.inputs;
  const shape = graph.values.get(data)?.shape ?? [];
  const axes = emit.integers(shape.map((_, axis) => axis).filter((axis) => axis !== 1));
  const perChannel = emit.integers([-1, ...shape.slice(2).map(() => 1)]);
  const flat = emit.integers([-1]);
  const meanOf = (value: string): string =>
    emit.node("ReduceMean", [value, axes], { keepdims: integer(1) });
  const mean = meanOf(data);
  const centred = emit.node("Sub", [data, mean]);
  const variance = meanOf(emit.node("Mul", [centred, centred]));
  const epsilon = emit.scalar(floatAttribute(node, "epsilon", 1e-5));
  const deviation = emit.node("Sqrt", [emit.node("Add", [variance, epsilon])]);
  const inverse = emit.node("Div", [emit.scalar(1), deviation]);
  const normalized = emit.node("Mul", [centred, inverse]);
  const scaled = emit.node("Mul", [normalized, emit.node("Reshape", [scale, perChannel])]);
  const shifts = emit.node("Reshape", [shift, perChannel]);
  emit.node("Add", [scaled, shifts], {}, node.outputs[0]);
  const momentum = floatAttribute(node, "momentum", 0.9);
  const mixed = (old: string, fresh: string, share: string): string => {
    const kept = emit.node("Mul", [old, emit.scalar(momentum)]);
    const added = emit.node("Mul", [emit.node("Reshape", [fresh, flat]), share]);
    return emit.node("Add", [kept, added]);
  };
  return {
    known: { mean, inverse, normalized },
    nextMean: mixed(before.mean, mean, emit.scalar(1 - momentum)),
    nextVariance: mixed(before.variance, variance, varianceShare(emit, graph, node, 1 - momentum)),
  };
}

/** `share n / (n - 1)`, computed where the batch is not known. */
function varianceShare(
  emit: GraphEmitter,
  graph: ModelGraph,
  node: OnnxNode,
  share: number,
): string {
  const count = valueCount(graph, node);
  if (typeof count === "number") return emit.scalar((share * count) / (count - 1));
  const [data = "", scale = ""] = node.inputs;
  const channels = graph.values.get(scale)?.shape[0] ?? 1;
  // All values over all values less one a channel is the same ratio.
  const size = emit.node("ReduceProd", [emit.node("Shape", [data])], { keepdims: integer(0) });
  const all = emit.node("Cast", [size], { to: integer(elementCode("float32")) });
  const less = emit.node("Sub", [all, emit.scalar(typeof channels === "number" ? channels : 1)]);
  return emit.node("Mul", [emit.node("Div", [all, less]), emit.scalar(share)]);
}
