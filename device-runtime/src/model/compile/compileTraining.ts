// From an inference graph and a plan to graphs that train it, in standard operators only.
import type { Outcome } from "@attune/protocol";
import { createGraphEmitter } from "../graph/graphEmitter.ts";
import type { ModelGraph } from "../graph/modelGraph.ts";
import { forWebgpu } from "../lowering/forWebgpu.ts";
import { readModelFile } from "../onnx/modelFile.ts";
import { checkHidden } from "../parameters/hiddenWeights.ts";
import { parameterInfos } from "../parameters/listParameters.ts";
import { parameterPlaces } from "../parameters/parameterBytes.ts";
import { scopeParameters } from "../parameters/parameterScope.ts";
import { runningStatistics } from "../parameters/runningStatistics.ts";
import { orRefusal, turnAway } from "../turnAway.ts";
import { type Assembly, assembleEpoch, assembleStep } from "./assembleTraining.ts";
import { checkDeclared } from "./checkDeclared.ts";
import type { LowRankPatch } from "./lowRank.ts";
import { nodesOf, rawOutput } from "./modelOutput.ts";
import { batchOf, type SampleInput, sampleInputs } from "./sampleInputs.ts";
import { withScopeAdvice } from "./scopeAdvice.ts";
import { type NamedShape, writeStepBody } from "./stepBody.ts";
import { TRAINING_PREFIX, trainingNames } from "./trainingNames.ts";
import { type CheckedPlan, checkPlan, type TrainingPlan } from "./trainingPlan.ts";
import { baseNames, type TrainingSubject, trainingSubject } from "./trainingSubject.ts";

/** Training graphs of one model under one plan, and what has to be fed to them. */
export interface CompiledTraining {
  /** ONNX: one step, also gives the gradients. Inputs and outputs by {@link trainingNames}. */
  readonly step: Uint8Array;
  /** ONNX: any number of steps inside one `Scan`. */
  readonly epoch: Uint8Array;
  /** What is trained, in canonical order: parameters of the model, or the factors of low-rank patches. */
  readonly parameters: readonly NamedShape[];
  /** Running mean and variance of the normalisations that go by the batch, in canonical order; empty unless the plan says "train". */
  readonly statistics: readonly NamedShape[];
  /** Parameters of the model whose base values are read: for a pull, for distillation, and the patched weights themselves. */
  readonly base: readonly NamedShape[];
  /** Low-rank patches; empty for other scopes. */
  readonly patches: readonly LowRankPatch[];
  /** What the optimizer keeps for each parameter. */
  readonly states: readonly string[];
  /** What a sample is: the data inputs of the model, in its order. */
  readonly inputs: readonly SampleInput[];
  /** Shape of one sample of the first input. */
  readonly sampleDims: readonly number[];
  /** Fixed batch, where the model has one. */
  readonly batchSize: number | undefined;
  /** The smallest batch: 2 where a normalisation by the batch would else see one value a channel, which has no variance. */
  readonly batchSizeMin: number;
  readonly truth: {
    readonly type: "int64" | "float32";
    /** Shape of one sample's truth. */
    readonly dims: readonly number[];
    /** Number of classes where the truth is a label. */
    readonly classCount: number | undefined;
    /** Whether targets are shares, each in `[0, 1]`. */
    readonly isShare: boolean;
  };
  readonly hasSampleWeights: boolean;
  /**
   * Canonical text of the plan with its defaults, thread count and compiler revision. Equal models and equal texts train to equal
   * bytes on one engine: digest it for cache keys.
   */
  readonly planText: string;
}

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
 * @param model bytes of an ONNX file, operator set 8 to 21, not trusted; its data inputs are float32, int32, int64 or bool, all with the batch first
 * @param plan what to train; every number is checked
 * @returns the graphs, or a refusal that names the node, operator or setting that stands in the way, and the scopes that avoid an operator
 * @example
 * const model = buildPerceptron({ inputSize: 561, hidden: [64], classCount: 6 }, createSeededRandom(1));
 * const compiled = compileTraining(model, { scope: "head", loss: { kind: "crossEntropy" }, optimizer: { kind: "adam" } });
 * compiled.ok; // => true
 */
export function compileTraining(model: Uint8Array, plan: TrainingPlan): Outcome<CompiledTraining> {
  return withSubject(model, plan, compileSubject);
}

/** Does something with what a plan trains in a model; where an operator stands in the way, the refusal says which scopes avoid it. */
export function withSubject<T>(
  model: Uint8Array,
  plan: TrainingPlan,
  work: (subject: TrainingSubject, checked: CheckedPlan) => T,
): Outcome<T> {
  const attempt = (tried: TrainingPlan): Outcome<T> =>
    orRefusal(() => {
      const checked = checkPlan(tried);
      return work(subjectOf(model, checked), checked);
    });
  return withScopeAdvice(attempt(plan), (scope) => attempt({ ...plan, scope }).ok);
}

/** Opens a model and finds what a plan trains in it. */
function subjectOf(model: Uint8Array, checked: CheckedPlan): TrainingSubject {
  const { output: named, dims, loss } = checked;
  const { name, graph, file } = rawOutput(readModelFile(model), {
    output: named,
    dims,
    scores: loss.scores,
    isForLoss: true,
  });
  checkNames(graph);
  const checkedGraph = checkDeclared(graph);
  const own = nodesOf(file, name);
  const chosen = scopeParameters(parameterInfos(own), checked.scope);
  checkHidden(own, checked.scope, chosen);
  // What can not be read and written in its place has no values to start from, and could not keep what it learned.
  parameterPlaces(model, file);
  const running = runningStatistics(own, chosen, checked.batchNormalization);
  return trainingSubject(checkedGraph, name, checked.scope, chosen, running);
}

/** Writes the graphs that train a subject. */
export function compileSubject(subject: TrainingSubject, checked: CheckedPlan): CompiledTraining {
  const { graph, output } = subject;
  const outputShape = graph.values.get(output)?.shape ?? [];
  const truthShape = checked.loss.truthShape(outputShape);
  const inputs = sampleInputs(graph);
  const ahead = createGraphEmitter(`${TRAINING_PREFIX}ahead:`);
  const prepared = checked.loss.prepare({
    emit: ahead,
    truth: trainingNames.truth,
    truthRank: truthShape.length,
    weights: checked.hasSampleWeights ? trainingNames.sampleWeights : undefined,
    output: outputShape,
  });
  const preparation =
    checked.lowering.engine === "webgpu" ? forWebgpu(ahead, `${TRAINING_PREFIX}gpuAhead:`) : ahead;
  const body = writeStepBody(subject, checked, prepared);
  const base = baseNames(subject, checked).map((name) => ({
    name,
    dims: graph.constants.get(name)?.dims ?? [],
  }));
  const assembly: Assembly = { subject, checked, truthShape, base, preparation, prepared, body };
  const batch = batchOf(graph);
  return {
    step: assembleStep(assembly),
    epoch: assembleEpoch(assembly),
    parameters: subject.trained,
    statistics: subject.statistics,
    base,
    patches: subject.patches,
    states: checked.optimizer.states,
    inputs,
    sampleDims: inputs[0].dims,
    batchSize: typeof batch === "number" ? batch : undefined,
    batchSizeMin: subject.batchSizeMin,
    truth: {
      type: checked.loss.truthType,
      dims: truthShape.slice(1).map((dim) => (typeof dim === "number" ? dim : 0)),
      classCount: checked.loss.truthType === "int64" ? Number(outputShape.at(-1)) : undefined,
      isShare: checked.loss.scores === "binary logits",
    },
    hasSampleWeights: checked.hasSampleWeights,
    planText: checked.text,
  };
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
