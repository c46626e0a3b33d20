// Cuts a training in two at the frontier: what is frozen runs once for every sample, what learns trains on its features alone.
import type { Outcome } from "@attune/protocol";
import { type CompiledTraining, compileSubject, withSubject } from "../compile/compileTraining.ts";
import type { TrainingPlan } from "../compile/trainingPlan.ts";
import type { TrainingSubject } from "../compile/trainingSubject.ts";
import { dimText, isStatic } from "../graph/dim.ts";
import { nodesBehind } from "../graph/loadGraph.ts";
import type { ModelGraph } from "../graph/modelGraph.ts";
import { writeModel } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import { turnAway } from "../turnAway.ts";
import { cutValue } from "./cutValue.ts";

/** The two halves of a training. */
export interface CompiledFrontier {
  /** ONNX: the frozen part, from samples to their features. */
  readonly features: Uint8Array;
  /** Names of the frozen part's input and output. */
  readonly names: { readonly data: string; readonly features: string };
  /** Shape of one sample. */
  readonly sampleDims: readonly number[];
  /** Shape of one sample's features; they are what the tail takes as samples. */
  readonly featureDims: readonly number[];
  /** Fixed batch, where the model has one. */
  readonly batchSize: number | undefined;
  /** Training of the rest, for `createTrainer`: its data are features. */
  readonly tail: CompiledTraining;
}

/**
 * Compiles a training whose frozen part runs once per sample instead of once per step.
 *
 * - Pure and deterministic. The tail learns what the whole graph would: the same nodes on the same numbers.
 * - A scope of the last layers pays it back as soon as samples are seen twice; features are often smaller than samples, too.
 *
 * The cut is the last value through which everything trained sees the input. Features are those of the frozen parameters in this file: keep them
 * for one version only, or for versions that differ in the scope alone.
 *
 * @param model bytes of an ONNX file with one data input, operator set 8 to 21, not trusted
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
    const name = cutValue(whole, subject.unpatched.changing);
    const value = graph.values.get(name);
    const sampleDims = graph.input.shape.slice(1);
    const featureDims = value?.shape.slice(1) ?? [];
    if (name === graph.input.name || value === undefined || !isStatic(featureDims)) {
      return turnAway(
        "model.plan_invalid",
        `scope ${JSON.stringify(plan.scope)} reaches back to the input ${graph.input.name}, nothing is frozen in front of it; use compileTraining, or a smaller scope`,
      );
    }
    const tail: TrainingSubject = {
      ...subject,
      graph: { ...graph, input: { name, ...value }, nodes: behindCut(graph.nodes, name, subject) },
      unpatched: {
        ...subject.unpatched,
        nodes: behindCut(subject.unpatched.nodes, name, subject),
      },
    };
    const [batch] = graph.input.shape;
    return {
      features: writeFeatures(whole, name),
      names: { data: graph.input.name, features: name },
      sampleDims: isStatic(sampleDims) ? sampleDims : [],
      featureDims,
      batchSize: typeof batch === "number" ? batch : undefined,
      tail: compileSubject(tail, checked),
    };
  });
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

function writeFeatures(graph: ModelGraph, cut: string): Uint8Array {
  const nodes = nodesBehind(graph.nodes, [cut]);
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
    nodes,
    initializers: [...graph.constants.values()].filter((tensor) => used.has(tensor.name)),
    inputs: [declare(graph.input.name)],
    outputs: [declare(cut)],
  });
}
