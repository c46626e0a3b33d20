// From an inference graph and a plan to graphs that train it, in standard operators only.
import type { Outcome } from "@attune/protocol";
import { differentiate } from "../gradients/differentiate.ts";
import { type Dim, dimText, isStatic, type Shape, shapeText } from "../graph/dim.ts";
import { createGraphEmitter, type GraphEmitter, integer } from "../graph/graphEmitter.ts";
import { loadGraph } from "../graph/loadGraph.ts";
import type { ModelGraph } from "../graph/modelGraph.ts";
import type { PreparedValue } from "../losses/lossRule.ts";
import type { ElementType } from "../onnx/elementType.ts";
import { readModelFile, writeGraph, writeModel } from "../onnx/modelFile.ts";
import type { OnnxAttribute, OnnxNode } from "../onnx/nodeMessage.ts";
import type { OnnxTensor } from "../onnx/tensorMessage.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import { type ParameterInfo, parameterInfos } from "../parameters/listParameters.ts";
import { scopeParameters } from "../parameters/parameterScope.ts";
import { orRefusal, turnAway } from "../turnAway.ts";
import { nodesOf, rawOutput } from "./modelOutput.ts";
import { TRAINING_PREFIX, trainingNames } from "./trainingNames.ts";
import { type CheckedPlan, checkPlan, type TrainingPlan } from "./trainingPlan.ts";

/** Training graphs of one model under one plan, and what has to be fed to them. */
export interface CompiledTraining {
  /** ONNX: one step, also gives the gradients. Inputs and outputs by {@link trainingNames}. */
  readonly step: Uint8Array;
  /** ONNX: any number of steps inside one `Scan`. */
  readonly epoch: Uint8Array;
  /** Trained parameters in canonical order. */
  readonly parameters: readonly { readonly name: string; readonly dims: readonly number[] }[];
  /** What the optimizer keeps for each parameter. */
  readonly states: readonly string[];
  /** Shape of one sample. */
  readonly sampleDims: readonly number[];
  /** Fixed batch, where the model has one. */
  readonly batchSize: number | undefined;
  readonly truth: {
    readonly type: "int64" | "float32";
    /** Shape of one sample's truth. */
    readonly dims: readonly number[];
    /** Number of classes where the truth is a label. */
    readonly classCount: number | undefined;
  };
  readonly hasSampleWeights: boolean;
  readonly pullsToBase: boolean;
  /**
   * Canonical text of the plan with its defaults, thread count and compiler revision. Equal models and equal texts train to equal
   * bytes on one engine: digest it for cache keys.
   */
  readonly planText: string;
}

/** What one training step reads and writes. */
interface StepBody {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly loss: string;
  readonly nextStepCount: string;
  readonly parameters: readonly TrainedParameter[];
}

interface TrainedParameter {
  readonly info: ParameterInfo;
  readonly gradient: string;
  readonly next: string;
  readonly states: readonly string[];
  readonly nextStates: readonly string[];
}

/** Names inside a step, which the epoch's `Scan` gives other names than the graph around it. */
const inner = {
  truth: "train:step:truth",
  learningRate: "train:step:learningRate",
  stepCount: "train:step:stepCount",
  prepared: (key: string): string => `train:step:prepared:${key}`,
  state: (state: string, name: string): string => `train:step:${state}:${name}`,
} as const;

const STEPS = "train:steps";

/**
 * Compiles the training of a model.
 *
 * - Pure and deterministic: equal bytes and equal plans give equal graphs, byte for byte.
 * - Cost: O(bytes of the model); a few milliseconds for small ones.
 *
 * Trained parameters, optimizer state, step count and learning rate are inputs, their new values outputs. Everything frozen stays
 * a constant, and nothing in front of the first trained parameter is differentiated, so a `head` costs little more than inference.
 * A step starts from the parameters it is given, not from those in the file.
 *
 * @param model bytes of an ONNX file with one data input, operator set 8 to 21, not trusted
 * @param plan what to train; every number is checked
 * @returns the graphs, or a refusal that names the node, operator or setting that stands in the way
 * @example
 * const model = buildPerceptron({ inputSize: 561, hidden: [64], classCount: 6 }, createSeededRandom(1));
 * const compiled = compileTraining(model, { scope: "head", loss: { kind: "crossEntropy" }, optimizer: { kind: "adam" } });
 * compiled.ok; // => true
 */
export function compileTraining(model: Uint8Array, plan: TrainingPlan): Outcome<CompiledTraining> {
  return orRefusal(() => {
    const checked = checkPlan(plan);
    const file = readModelFile(model);
    const output = rawOutput(file);
    const graph = loadGraph(file, [output]);
    checkNames(graph);
    const chosen = scopeParameters(parameterInfos(nodesOf(file, output)), checked.scope);
    const outputShape = graph.values.get(output)?.shape ?? [];
    const truthShape = checked.loss.truthShape(outputShape);
    const sampleDims = sampleShape(graph.input.shape, graph.input.name);
    if (graph.input.type !== "float32") {
      turnAway(
        "model.graph_invalid",
        `input ${graph.input.name} is ${graph.input.type}, must be float32`,
      );
    }

    const preparation = createGraphEmitter(`${TRAINING_PREFIX}ahead:`);
    const prepared = checked.loss.prepare({
      emit: preparation,
      truth: trainingNames.truth,
      truthRank: truthShape.length,
      weights: checked.hasSampleWeights ? trainingNames.sampleWeights : undefined,
      output: outputShape,
    });
    const body = writeStep(graph, checked, chosen, output, prepared);
    const context: Assembly = { graph, checked, chosen, truthShape, preparation, prepared, body };
    const [batch] = graph.input.shape;
    return {
      step: assembleStep(context),
      epoch: assembleEpoch(context),
      parameters: chosen.map(({ name, dims }) => ({ name, dims })),
      states: checked.optimizer.states,
      sampleDims,
      batchSize: typeof batch === "number" ? batch : undefined,
      truth: {
        type: checked.loss.truthType,
        dims: truthShape.slice(1).map((dim) => (typeof dim === "number" ? dim : 0)),
        classCount: checked.loss.truthType === "int64" ? Number(outputShape.at(-1)) : undefined,
      },
      hasSampleWeights: checked.hasSampleWeights,
      pullsToBase: checked.pullToBase > 0,
      planText: checked.text,
    };
  });
}

function checkNames(graph: ModelGraph): void {
  for (const name of graph.values.keys()) {
    if (name.startsWith(TRAINING_PREFIX)) {
      turnAway(
        "model.graph_invalid",
        `the model names a value ${name}; names that begin with ${TRAINING_PREFIX} belong to training graphs`,
      );
    }
  }
}

function sampleShape(input: Shape, name: string): readonly number[] {
  const sample = input.slice(1);
  if (input.length === 0 || !isStatic(sample)) {
    return turnAway(
      "model.shape_unknown",
      `input ${name} is ${shapeText(input)}; only its first size, the batch, may be unknown`,
    );
  }
  return sample;
}

/** Forward, loss, backward, optimizer. */
function writeStep(
  graph: ModelGraph,
  checked: CheckedPlan,
  chosen: readonly ParameterInfo[],
  output: string,
  prepared: ReadonlyMap<string, PreparedValue>,
): StepBody {
  const emit = createGraphEmitter(`${TRAINING_PREFIX}step:`);
  const trained = new Set(chosen.map((info) => info.name));
  keepConstants(graph, trained, emit);
  for (const node of graph.nodes) emit.copy(node);
  const { loss, gradient } = checked.loss.step({
    emit,
    output,
    outputShape: graph.values.get(output)?.shape ?? [],
    prepared: (key) => {
      const value = prepared.get(key);
      return value?.isPerStep === false ? value.name : inner.prepared(key);
    },
  });
  const gradients = differentiate({
    graph,
    emit,
    seeds: new Map([[output, gradient]]),
    wanted: trained,
  });
  const nextStepCount = emit.node("Add", [inner.stepCount, emit.integer(1)]);
  const update = checked.optimizer.begin({
    emit,
    learningRate: inner.learningRate,
    stepNumber: nextStepCount,
  });
  const parameters = chosen.map((info): TrainedParameter => {
    const ownGradient = gradients.get(info.name);
    if (ownGradient === undefined) {
      return turnAway(
        "model.parameter_unknown",
        `the output does not depend on parameter ${info.name}; leave it out of the scope`,
      );
    }
    const states = checked.optimizer.states.map((state) => inner.state(state, info.name));
    const updated = update({
      parameter: info.name,
      gradient: pulled(emit, ownGradient, info.name, checked.pullToBase),
      states,
    });
    return {
      info,
      gradient: ownGradient,
      next: updated.parameter,
      states,
      nextStates: updated.states,
    };
  });
  return {
    nodes: emit.nodes,
    initializers: emit.constants,
    loss,
    nextStepCount,
    parameters,
  };
}

/** Constants that the forward nodes read, save those that are trained. */
function keepConstants(graph: ModelGraph, trained: ReadonlySet<string>, emit: GraphEmitter): void {
  const used = new Set(graph.nodes.flatMap((node) => node.inputs));
  for (const [name, tensor] of graph.constants) {
    if (used.has(name) && !trained.has(name)) emit.keep(tensor);
  }
}

function pulled(emit: GraphEmitter, gradient: string, parameter: string, pull: number): string {
  if (pull === 0) return gradient;
  const away = emit.node("Sub", [parameter, trainingNames.base(parameter)]);
  return emit.node("Add", [gradient, emit.node("Mul", [away, emit.scalar(pull)])]);
}

interface Assembly {
  readonly graph: ModelGraph;
  readonly checked: CheckedPlan;
  readonly chosen: readonly ParameterInfo[];
  readonly truthShape: Shape;
  readonly preparation: GraphEmitter;
  readonly prepared: ReadonlyMap<string, PreparedValue>;
  readonly body: StepBody;
}

const declare = (name: string, type: ElementType, shape: Shape): Uint8Array =>
  writeValue(
    name,
    type,
    shape.map((dim) => (typeof dim === "number" ? dim : dimText(dim))),
  );

/** Inputs of both graphs; `lead` is what stands before the batch. */
function declareInputs(context: Assembly, lead: readonly Dim[]): Uint8Array[] {
  const { graph, checked, chosen, truthShape } = context;
  const inputs = [
    declare(trainingNames.data, "float32", [...lead, ...graph.input.shape]),
    declare(trainingNames.truth, checked.loss.truthType, [...lead, ...truthShape]),
  ];
  if (checked.hasSampleWeights) {
    const batch = graph.input.shape.slice(0, 1);
    inputs.push(declare(trainingNames.sampleWeights, "float32", [...lead, ...batch]));
  }
  inputs.push(
    declare(trainingNames.learningRate, "float32", lead),
    declare(trainingNames.stepCount, "int64", []),
  );
  for (const { name, dims } of chosen) {
    inputs.push(declare(trainingNames.parameter(name), "float32", dims));
    for (const state of checked.optimizer.states) {
      inputs.push(declare(trainingNames.state(state, name), "float32", dims));
    }
    if (checked.pullToBase > 0) inputs.push(declare(trainingNames.base(name), "float32", dims));
  }
  return inputs;
}

/** Outputs of both graphs. */
function declareOutputs(context: Assembly, lead: readonly Dim[]): Uint8Array[] {
  const outputs = [
    declare(trainingNames.loss, "float32", lead),
    declare(trainingNames.nextStepCount, "int64", []),
  ];
  for (const { name, dims } of context.chosen) {
    outputs.push(declare(trainingNames.nextParameter(name), "float32", dims));
    for (const state of context.checked.optimizer.states) {
      outputs.push(declare(trainingNames.nextState(state, name), "float32", dims));
    }
  }
  return outputs;
}

/** Names of what a step writes, in the body and outside. */
function resultNames(context: Assembly): [string, string][] {
  const { body, checked } = context;
  const names: [string, string][] = [[body.nextStepCount, trainingNames.nextStepCount]];
  for (const { info, next, nextStates } of body.parameters) {
    names.push([next, trainingNames.nextParameter(info.name)]);
    checked.optimizer.states.forEach((state, index) => {
      names.push([nextStates[index] ?? "", trainingNames.nextState(state, info.name)]);
    });
  }
  return names;
}

/** Names of what a step reads and hands on, in the body and outside, in the order of {@link resultNames}. */
function stateNames(context: Assembly): [string, string, ElementType, readonly number[]][] {
  const { body, checked } = context;
  const names: [string, string, ElementType, readonly number[]][] = [
    [inner.stepCount, trainingNames.stepCount, "int64", []],
  ];
  for (const { info, states } of body.parameters) {
    names.push([info.name, trainingNames.parameter(info.name), "float32", info.dims]);
    checked.optimizer.states.forEach((state, index) => {
      names.push([
        states[index] ?? "",
        trainingNames.state(state, info.name),
        "float32",
        info.dims,
      ]);
    });
  }
  return names;
}

/** Names of what a step reads and does not hand on, in the body and outside. */
function sliceNames(context: Assembly): [string, string][] {
  const names: [string, string][] = [
    [context.graph.input.name, trainingNames.data],
    [inner.learningRate, trainingNames.learningRate],
  ];
  for (const [key, value] of context.prepared) {
    if (value.isPerStep) names.push([inner.prepared(key), value.name]);
  }
  return names;
}

/** The step as a graph of its own: the body under outer names. */
function assembleStep(context: Assembly): Uint8Array {
  const { body, preparation, graph } = context;
  const outside = new Map<string, string>();
  for (const [from, to] of [...stateNames(context), ...sliceNames(context)]) outside.set(from, to);
  for (const [from, to] of resultNames(context)) outside.set(from, to);
  outside.set(body.loss, trainingNames.loss);
  const rename = (name: string): string => outside.get(name) ?? name;
  const nodes = body.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
  }));
  // A name each: two parameters may have the very same gradient.
  const reports = createGraphEmitter(`${TRAINING_PREFIX}report:`);
  for (const { info, gradient } of body.parameters) {
    reports.node("Identity", [rename(gradient)], {}, trainingNames.gradient(info.name));
  }
  return writeModel(graph.opset, {
    name: "step",
    nodes: [...preparation.nodes, ...nodes, ...reports.nodes],
    initializers: [...preparation.constants, ...body.initializers],
    inputs: declareInputs(context, []),
    outputs: [
      ...declareOutputs(context, []),
      ...body.parameters.map(({ info }) =>
        declare(trainingNames.gradient(info.name), "float32", info.dims),
      ),
    ],
  });
}

/** All steps: the body inside a `Scan`. */
function assembleEpoch(context: Assembly): Uint8Array {
  const { body, preparation, graph } = context;
  const states = stateNames(context);
  const slices = sliceNames(context);
  const results = resultNames(context);
  const scanBody = writeGraph({
    name: "steps",
    nodes: body.nodes,
    initializers: body.initializers,
    inputs: [
      ...states.map(([name, , type, dims]) => declare(name, type, dims)),
      // Their shapes are those of the epoch's inputs without the axis of steps.
      ...slices.map(([name]) => writeValue(name, "float32", undefined)),
    ],
    outputs: [
      ...states.map(([, , type, dims], index) => declare(results[index]?.[0] ?? "", type, dims)),
      declare(body.loss, "float32", []),
    ],
  });
  const attributes: OnnxNode["attributes"] = new Map<string, OnnxAttribute>([
    ["body", { kind: "graph", value: scanBody }],
    ["num_scan_inputs", integer(slices.length)],
  ]);
  const scan: OnnxNode = {
    name: "",
    operator: "Scan",
    domain: "",
    inputs: [...states.map(([, name]) => name), ...slices.map(([, name]) => name)],
    outputs: [...results.map(([, name]) => name), trainingNames.loss],
    attributes,
  };
  const lead: Dim[] = [{ factor: 1, symbols: [STEPS] }];
  return writeModel(graph.opset, {
    name: "epoch",
    nodes: [...preparation.nodes, scan],
    initializers: preparation.constants,
    inputs: declareInputs(context, lead),
    outputs: declareOutputs(context, lead),
  });
}
