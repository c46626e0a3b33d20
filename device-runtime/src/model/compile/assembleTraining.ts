// From the body of a step to whole graphs: the step alone, and any number of steps inside one `Scan`. It must not change what a step computes.
import { type Dim, dimText, type Shape } from "../graph/dim.ts";
import { createGraphEmitter, integer } from "../graph/graphEmitter.ts";
import type { PreparedValue } from "../losses/lossRule.ts";
import type { WrittenNodes } from "../lowering/forWebgpu.ts";
import type { ElementType } from "../onnx/elementType.ts";
import { writeGraph, writeModel } from "../onnx/modelFile.ts";
import type { OnnxAttribute, OnnxNode } from "../onnx/nodeMessage.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import { batchOf } from "./sampleInputs.ts";
import { type NamedShape, type StepBody, stepNames } from "./stepBody.ts";
import { TRAINING_PREFIX, trainingNames } from "./trainingNames.ts";
import type { CheckedPlan } from "./trainingPlan.ts";
import type { TrainingSubject } from "./trainingSubject.ts";

/** Everything that the two graphs are made of. */
export interface Assembly {
  readonly subject: TrainingSubject;
  readonly checked: CheckedPlan;
  readonly truthShape: Shape;
  /** What of the base the steps read. */
  readonly base: readonly NamedShape[];
  /** Work that is done once for all steps. */
  readonly preparation: WrittenNodes;
  readonly prepared: ReadonlyMap<string, PreparedValue>;
  readonly body: StepBody;
}

const STEPS = "train:steps";

const declare = (name: string, type: ElementType, shape: Shape): Uint8Array =>
  writeValue(
    name,
    type,
    shape.map((dim) => (typeof dim === "number" ? dim : dimText(dim))),
  );

/** Inputs of both graphs; `lead` is what stands before the batch. */
function declareInputs(context: Assembly, lead: readonly Dim[]): Uint8Array[] {
  const { subject, checked, truthShape } = context;
  const inputs = [
    ...subject.graph.inputs.map(({ name, type, shape }, index) =>
      declare(trainingNames.dataOf(name, index), type, [...lead, ...shape]),
    ),
    declare(trainingNames.truth, checked.loss.truthType, [...lead, ...truthShape]),
  ];
  if (checked.hasSampleWeights) {
    const batch = batchOf(subject.graph);
    inputs.push(declare(trainingNames.sampleWeights, "float32", [...lead, batch]));
  }
  inputs.push(
    declare(trainingNames.learningRate, "float32", lead),
    declare(trainingNames.stepCount, "int64", []),
  );
  for (const { name, dims } of subject.trained) {
    inputs.push(declare(trainingNames.parameter(name), "float32", dims));
    for (const state of checked.optimizer.states) {
      inputs.push(declare(trainingNames.state(state, name), "float32", dims));
    }
  }
  for (const { name, dims } of subject.statistics) {
    inputs.push(declare(trainingNames.parameter(name), "float32", dims));
  }
  for (const { name, dims } of context.base) {
    inputs.push(declare(trainingNames.base(name), "float32", dims));
  }
  return inputs;
}

/** Outputs of both graphs. */
function declareOutputs(context: Assembly, lead: readonly Dim[]): Uint8Array[] {
  const outputs = [
    declare(trainingNames.loss, "float32", lead),
    declare(trainingNames.nextStepCount, "int64", []),
  ];
  for (const { name, dims } of context.subject.trained) {
    outputs.push(declare(trainingNames.nextParameter(name), "float32", dims));
    for (const state of context.checked.optimizer.states) {
      outputs.push(declare(trainingNames.nextState(state, name), "float32", dims));
    }
  }
  for (const { name, dims } of context.subject.statistics) {
    outputs.push(declare(trainingNames.nextParameter(name), "float32", dims));
  }
  return outputs;
}

/** Names of what a step writes, in the body and outside. */
function resultNames(context: Assembly): [string, string][] {
  const { body, checked } = context;
  const names: [string, string][] = [[body.nextStepCount, trainingNames.nextStepCount]];
  for (const { trained, next, nextStates } of body.parameters) {
    names.push([next, trainingNames.nextParameter(trained.name)]);
    checked.optimizer.states.forEach((state, index) => {
      names.push([nextStates[index] ?? "", trainingNames.nextState(state, trained.name)]);
    });
  }
  for (const { statistic, next } of body.statistics) {
    names.push([next, trainingNames.nextParameter(statistic.name)]);
  }
  return names;
}

/** Names of what a step reads and hands on, in the body and outside, in the order of {@link resultNames}. */
function stateNames(context: Assembly): [string, string, ElementType, readonly number[]][] {
  const { body, checked } = context;
  const names: [string, string, ElementType, readonly number[]][] = [
    [stepNames.stepCount, trainingNames.stepCount, "int64", []],
  ];
  for (const { trained, states } of body.parameters) {
    names.push([trained.name, trainingNames.parameter(trained.name), "float32", trained.dims]);
    checked.optimizer.states.forEach((state, index) => {
      const outside = trainingNames.state(state, trained.name);
      names.push([states[index] ?? "", outside, "float32", trained.dims]);
    });
  }
  for (const { statistic } of body.statistics) {
    const { name, dims } = statistic;
    names.push([name, trainingNames.parameter(name), "float32", dims]);
  }
  return names;
}

/** Names of what a step reads and does not hand on, in the body and outside, with their types. */
function sliceNames(context: Assembly): [string, string, ElementType][] {
  const names = context.subject.graph.inputs.map(
    ({ name, type }, index): [string, string, ElementType] => [
      name,
      trainingNames.dataOf(name, index),
      type,
    ],
  );
  names.push([stepNames.learningRate, trainingNames.learningRate, "float32"]);
  for (const [key, value] of context.prepared) {
    if (value.isPerStep) names.push([stepNames.prepared(key), value.name, "float32"]);
  }
  return names;
}

/** The step as a graph of its own: the body under outer names. */
export function assembleStep(context: Assembly): Uint8Array {
  const { body, preparation, subject } = context;
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
  for (const { trained, gradient } of body.parameters) {
    reports.node("Identity", [rename(gradient)], {}, trainingNames.gradient(trained.name));
  }
  return writeModel(subject.graph.opset, {
    name: "step",
    domains: subject.graph.domains,
    nodes: [...preparation.nodes, ...nodes, ...reports.nodes],
    initializers: [...preparation.constants, ...body.initializers],
    inputs: declareInputs(context, []),
    outputs: [
      ...declareOutputs(context, []),
      ...body.parameters.map(({ trained }) =>
        declare(trainingNames.gradient(trained.name), "float32", trained.dims),
      ),
    ],
  });
}

/** All steps: the body inside a `Scan`. */
export function assembleEpoch(context: Assembly): Uint8Array {
  const { body, preparation, subject } = context;
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
      ...slices.map(([name, , type]) => writeValue(name, type, undefined)),
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
  return writeModel(subject.graph.opset, {
    name: "epoch",
    domains: subject.graph.domains,
    nodes: [...preparation.nodes, scan],
    initializers: preparation.constants,
    inputs: declareInputs(context, lead),
    outputs: declareOutputs(context, lead),
  });
}
