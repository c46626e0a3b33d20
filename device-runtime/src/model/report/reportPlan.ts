// What a training will cost, before it is begun: counted from the graph that would run. It must not run anything.
import { CONTRIBUTION_ENVELOPE_BYTES_MAX, elementCount, type Outcome } from "@attune/protocol";
import { compileSubject, withSubject } from "../compile/compileTraining.ts";
import { trainingNames } from "../compile/trainingNames.ts";
import type { CheckedPlan, TrainingPlan } from "../compile/trainingPlan.ts";
import type { TrainingSubject } from "../compile/trainingSubject.ts";
import { predictedNs } from "../lowering/costTable.ts";
import type { TargetEngine } from "../lowering/lowering.ts";
import { nodeWork } from "../lowering/nodeWork.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { activationPeak } from "./activationPeak.ts";
import { multiplyAdds } from "./multiplyAdds.ts";
import { type SizedGraph, sizedGraph } from "./sizedGraph.ts";

/** How a training would be run. */
export interface PlanReportOptions {
  /** Steps in one slice, `>= 1`; 8 if left out. Their batches are held at once. */
  readonly stepCount?: number;
}

/** What a training costs. */
export interface PlanReport {
  /** Of the plan's lowering. */
  readonly engine: TargetEngine;
  /** Samples a batch: the model's own where it has a fixed one, else that of the plan's lowering. */
  readonly batchSize: number;
  readonly stepCount: number;
  /** Values that are trained. */
  readonly trainedCount: number;
  /** Values of the model that change; more than are trained where low-rank patches are merged or running statistics are counted. */
  readonly changedCount: number;
  /** Bytes of a contribution on the wire, at most: int8 and a scale a tensor, incompressible, with its signed envelope. */
  readonly deltaBytes: number;
  /** Multiply-adds of one step, forward and backward. */
  readonly multiplyAdds: number;
  /** Operators that the engine calls in one step. */
  readonly nodeCount: number;
  /**
   * Bytes that a process needs beyond the loaded engine while it trains: graph, parameters, optimizer state, batches of a slice, intermediate
   * values, results. For `node` within 25 % of what is measured (`bench -- plan-report`); for `wasm` and `webgpu` with the copies that these make,
   * and not measured: their heap grows in steps of its own.
   */
  readonly peakBytes: number;
  /** Estimated milliseconds of one step: on one thread of the machine that the cost table was measured on. */
  readonly msPerStep: number;
}

const STEPS = 8;

/**
 * Node's arena cuts its blocks where freed values lie, and what a larger value cannot use stays: measured, up to a third of what is alive at once
 * where many sizes come and go, and a twelfth where few do. WebAssembly shows none of that.
 */
const ARENA_SHARE = 1.25;

/** While a graph is loaded, its constants stand in the file's message, in tensors, and in the form that kernels packed them to. */
const COPIES_OF_CONSTANTS = 3;

/** Bytes of a deflate stream that compresses nothing: 5 a block, each of at least 7,000 but the last. */
const storedBytes = (count: number): number => count + 5 * (1 + Math.ceil(count / 7000));

/**
 * Reports what a plan costs on a model.
 *
 * - Pure; cost as of `compileTraining`. Peak and delta are counted, milliseconds come from measured costs of each kind of work.
 *
 * @param model bytes of an ONNX file, not trusted
 * @param plan as for `compileTraining`; `plan.lowering` names engine and batch size
 * @returns the report, or the refusal of `compileTraining`; `model.operator_unsupported` where an operator's cost is not known
 * @example
 * const model = buildPerceptron({ inputSize: 561, hidden: [64], classCount: 6 }, createSeededRandom(1));
 * const plan = { scope: "head", loss: { kind: "crossEntropy" }, optimizer: { kind: "adam" } } as const;
 * const report = reportPlan(model, plan);
 * report.ok && report.value.trainedCount; // => 390
 * report.ok && report.value.deltaBytes; // => 1014
 */
export function reportPlan(
  model: Uint8Array,
  plan: TrainingPlan,
  options: PlanReportOptions = {},
): Outcome<PlanReport> {
  return withSubject(model, plan, (subject, checked) => reportSubject(subject, checked, options));
}

function reportSubject(
  subject: TrainingSubject,
  checked: CheckedPlan,
  { stepCount = STEPS }: PlanReportOptions,
): PlanReport {
  const compiled = compileSubject(subject, checked);
  const { engine } = checked.lowering;
  const batchSize = compiled.batchSize ?? checked.lowering.batchSize;
  const graph = sizedGraph(compiled.step, batchSize);
  const countOf = (names: readonly { readonly dims: readonly number[] }[]): number =>
    names.reduce((sum, { dims }) => sum + elementCount(dims), 0);
  const changed =
    compiled.patches.length > 0
      ? compiled.patches.map(({ weight }) => weight)
      : [...compiled.parameters, ...compiled.statistics];
  const changedCount = countOf(changed);
  const body = bodyOf(graph);
  const nanoseconds = sumOverNodes(body, (node, { sizeOf }) =>
    predictedNs(engine, nodeWork(node, sizeOf)),
  );
  return {
    engine,
    batchSize,
    stepCount,
    trainedCount: countOf(compiled.parameters),
    changedCount,
    deltaBytes:
      2 + 6 * changed.length + storedBytes(changedCount) + CONTRIBUTION_ENVELOPE_BYTES_MAX,
    multiplyAdds: sumOverNodes(body, multiplyAdds),
    nodeCount: sumOverNodes(body, () => 1),
    peakBytes: peakBytes(graph, body, stepCount, engine),
    msPerStep: nanoseconds / 1e6,
  };
}

/** Sum over all nodes, those of a loop once a step. */
function sumOverNodes(
  graph: SizedGraph,
  costOf: (node: OnnxNode, graph: SizedGraph) => number,
): number {
  return graph.nodes.reduce((sum, node) => {
    const loop = graph.loops.get(node);
    if (loop === undefined) return sum + costOf(node, graph);
    return sum + loop.stepCount * sumOverNodes(loop.body, costOf);
  }, 0);
}

/** The step as it runs inside `Scan`: new states go to memory that `Scan` gives, and gradients are not reported. */
function bodyOf(graph: SizedGraph): SizedGraph {
  const isReport = (name: string): boolean => name.startsWith(trainingNames.gradient(""));
  return {
    ...graph,
    nodes: graph.nodes.filter((node) => !node.outputs.some(isReport)),
    inputs: [...graph.inputs, ...stateOutputs(graph)],
    outputs: [trainingNames.loss],
  };
}

function stateOutputs(graph: SizedGraph): readonly string[] {
  const others: readonly string[] = [trainingNames.loss];
  return graph.outputs.filter(
    (name) => !others.includes(name) && !name.startsWith(trainingNames.gradient("")),
  );
}

/**
 * Peak of one slice. The engine's arena gives nothing back while it runs, so what `Scan` and its end need one after the other adds up.
 */
function peakBytes(
  graph: SizedGraph,
  body: SizedGraph,
  stepCount: number,
  engine: TargetEngine,
): number {
  const bytes = (names: readonly string[]): number =>
    names.reduce((sum, name) => sum + graph.bytesOf(name), 0);
  const state = bytes(stateOutputs(graph));
  const isPerStep = (name: string): boolean =>
    name === trainingNames.truth ||
    name === trainingNames.sampleWeights ||
    name.startsWith(trainingNames.data);
  const fed =
    stepCount * bytes(graph.inputs.filter(isPerStep)) +
    bytes(graph.inputs.filter((name) => !isPerStep(name)));
  const constants = bytes(graph.constants);
  // `Scan` swaps two sets of the state between steps.
  const swapped = Math.min(2, stepCount - 1) * state;
  // What it hands out at its end, and the caller's copy of that.
  const results = 2 * state;
  // WebAssembly works on copies in a memory of its own.
  const copies = engine === "node" ? 0 : fed;
  const values = activationPeak(body) * (engine === "node" ? ARENA_SHARE : 1);
  const running = constants + fed + copies + swapped + results + Math.round(values);
  return Math.max(COPIES_OF_CONSTANTS * constants, running);
}
