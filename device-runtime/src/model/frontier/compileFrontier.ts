// Cuts a training in two at the frontier: what is frozen runs once for every sample, what learns trains on its features alone.
import type { Outcome } from "@attune/protocol";
import { type CompiledTraining, compileSubject, withSubject } from "../compile/compileTraining.ts";
import { batchOf, type SampleInput, sampleInputs } from "../compile/sampleInputs.ts";
import type { TrainingPlan } from "../compile/trainingPlan.ts";
import type { TrainingSubject } from "../compile/trainingSubject.ts";
import { dimText, isStatic } from "../graph/dim.ts";
import { nodesBehind } from "../graph/loadGraph.ts";
import type { GraphValue, ModelGraph } from "../graph/modelGraph.ts";
import { writeModel } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import { turnAway } from "../turnAway.ts";
import { cutValue } from "./cutValue.ts";

/** The two halves of a training. */
export interface CompiledFrontier {
  /** ONNX: the frozen part, from samples to their features. */
  readonly features: Uint8Array;
  /** Names of the model's first input, and of the features, which are the tail's first input. */
  readonly names: { readonly data: string; readonly features: string };
  /** What the frozen part takes of a sample. */
  readonly inputs: readonly SampleInput[];
  /** Shape of one sample of the first input. */
  readonly sampleDims: readonly number[];
  /** Shape of one sample's features; they are what the tail takes as samples. */
  readonly featureDims: readonly number[];
  /** Fixed batch, where the model has one. */
  readonly batchSize: number | undefined;
  /** Training of the rest, for `createTrainer`: its data are features, and what it reads of the other inputs of the model, such as a mask. */
  readonly tail: CompiledTraining;
}

/**
 * Compiles a training whose frozen part runs once per sample instead of once per step.
 *
 * - Pure and deterministic. The tail learns what the whole graph would: the same nodes on the same numbers.
 * - A scope of the last layers pays it back as soon as samples are seen twice; features are often smaller than samples, too.
 *
 * The cut is the last value through which everything trained sees an input; what the tail reads of other inputs stays as it is. Features are those of the frozen parameters in this file: keep them
 * for one version only, or for versions that differ in the scope alone.
 *
 * @param model bytes of an ONNX file, as for `compileTraining`, not trusted
 * @param plan what to train; its scope must leave something frozen in front
 * @returns both halves, or a refusal; `model.plan_invalid` where the scope reaches back to the input
 * @example
 * const model = buildPerceptron({ inputSize: 561, hidden: [64], classCount: 6 }, createSeededRandom(1));
 * const cut = compileFrontier(model, { scope: "head", loss: { kind: "crossEntropy" }, optimizer: { kind: "sgd" } });
 * cut.ok && cut.value.featureDims; // => [64]
 */
export function compileFrontier(model: Uint8Array, plan: TrainingPlan): Outcome<CompiledFrontier> {
  return withSubject(model, plan, (subject, checked) => {
    const { graph } = subject;
    const whole: ModelGraph = { ...graph, nodes: subject.unpatched.nodes };
    const samples = sampleInputs(graph);
    // Seen from ids the cut lies far back; seen from a mask, all that is made of the ids lies behind it.
    const [shortest, ...others] = graph.inputs.map((input) => {
      const cut = cutValue(whole, subject.unpatched.changing, input);
      return { cut, tail: behindCut(subject.unpatched.nodes, cut, subject) };
    });
    const { cut: name } = others.reduce(
      (best, one) => (one.tail.length < best.tail.length ? one : best),
      shortest ?? { cut: "", tail: [] },
    );
    const value = graph.values.get(name);
    const featureDims = value?.shape.slice(1) ?? [];
    const isInput = graph.inputs.some((input) => input.name === name);
    if (isInput || value === undefined || !isStatic(featureDims)) {
      return turnAway(
        "model.plan_invalid",
        `scope ${JSON.stringify(plan.scope)} reaches back to the input ${name}, nothing is frozen in front of it; use compileTraining, or a smaller scope`,
      );
    }
    const nodes = behindCut(graph.nodes, name, subject);
    const unpatched = behindCut(subject.unpatched.nodes, name, subject);
    const further = inputsOf(graph, [...nodes, ...unpatched]);
    const tail: TrainingSubject = {
      ...subject,
      graph: { ...graph, inputs: [{ name, ...value }, ...further], nodes },
      unpatched: { ...subject.unpatched, nodes: unpatched },
    };
    const frozen = nodesBehind(whole.nodes, [name]);
    const taken = new Set(inputsOf(graph, frozen).map((input) => input.name));
    const batch = batchOf(graph);
    return {
      features: writeFeatures(whole, frozen, name),
      names: { data: samples[0].name, features: name },
      inputs: samples.filter((input) => taken.has(input.name)),
      sampleDims: samples[0].dims,
      featureDims,
      batchSize: typeof batch === "number" ? batch : undefined,
      tail: compileSubject(tail, checked),
    };
  });
}

/** The data inputs that nodes read. */
function inputsOf({ inputs }: ModelGraph, nodes: readonly OnnxNode[]): readonly GraphValue[] {
  const read = new Set(nodes.flatMap((node) => node.inputs));
  return inputs.filter(({ name }) => read.has(name));
}

function behindCut(
  nodes: readonly OnnxNode[],
  cut: string,
  { output }: TrainingSubject,
): readonly OnnxNode[] {
  return nodesBehind(
    nodes.filter((node) => !node.outputs.includes(cut)),
    [output],
  );
}

function writeFeatures(graph: ModelGraph, nodes: readonly OnnxNode[], cut: string): Uint8Array {
  const used = new Set(nodes.flatMap((node) => node.inputs));
  const declare = (name: string): Uint8Array => {
    const { type, shape } = graph.values.get(name) ?? { type: "float32", shape: [] };
    return writeValue(
      name,
      type,
      shape.map((dim) => (typeof dim === "number" ? dim : dimText(dim))),
    );
  };
  return writeModel(graph.opset, {
    name: "features",
    domains: graph.domains,
    nodes,
    initializers: [...graph.constants.values()].filter((tensor) => used.has(tensor.name)),
    inputs: inputsOf(graph, nodes).map(({ name }) => declare(name)),
    outputs: [declare(cut)],
  });
}
