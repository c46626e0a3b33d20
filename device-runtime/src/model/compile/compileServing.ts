// From a model to the graph that a device predicts with: raw scores and features out, and the parameters of a scope in, so that
// one loaded graph serves every user and every version.
import type { Outcome } from "@attune/protocol";
import type { DimSizes } from "../graph/dataInputs.ts";
import { dimText, multiplyDims, type Shape, shapeText } from "../graph/dim.ts";
import { createGraphEmitter, integer } from "../graph/graphEmitter.ts";
import type { ModelGraph } from "../graph/modelGraph.ts";
import { lossOf } from "../losses/lossOf.ts";
import type { LossSpec } from "../losses/lossRule.ts";
import { graphField, type ModelFile, readModelFile, writeModelFields } from "../onnx/modelFile.ts";
import { writeNode } from "../onnx/nodeMessage.ts";
import { readTensorName } from "../onnx/tensorMessage.ts";
import { readValue, writeValue } from "../onnx/valueMessage.ts";
import { bytesField, createWireBudget, readFields } from "../onnx/wireFormat.ts";
import { inCanonicalOrder } from "../parameters/canonicalOrder.ts";
import { checkHidden } from "../parameters/hiddenWeights.ts";
import { type ParameterInfo, parameterInfos } from "../parameters/listParameters.ts";
import { checkScope, type ParameterScope, scopeParameters } from "../parameters/parameterScope.ts";
import { type BatchNormalizationMode, runningStatistics } from "../parameters/runningStatistics.ts";
import { orRefusal, turnAway } from "../turnAway.ts";
import { patchLowRank } from "./lowRank.ts";
import { featureValue, nodesOf, rawOutput } from "./modelOutput.ts";
import { batchOf, type SampleInput, sampleInputs } from "./sampleInputs.ts";

/** What a serving graph gives. */
export interface ServingOptions {
  /** Parameters that come with every prediction instead of from the file; none if left out. */
  readonly scope?: ParameterScope;
  /**
   * As in a training plan: with `"train"` the running statistics of the scope's normalisations come with every prediction, too, because a
   * training changes them. Serving normalises by them in either case.
   */
  readonly batchNormalization?: BatchNormalizationMode;
  /**
   * As in a training plan: which function that makes probabilities is cut away depends on the loss. That of a cross-entropy if left out, and then
   * probabilities that can not be cut away are served as they are.
   */
  readonly loss?: LossSpec;
  /** As in a training plan: which output is served; the first if left out. */
  readonly output?: string;
  /** Sizes of dimensions that the model leaves open, as in a training plan. */
  readonly dims?: DimSizes;
}

/** A serving graph, and what it takes and gives. */
export interface CompiledServing {
  /** ONNX. */
  readonly graph: Uint8Array;
  /** Names of the graph's values; `data` is the first input. */
  readonly names: { readonly data: string; readonly logits: string; readonly features: string };
  /** Parameters that are inputs, under their own names, in canonical order. */
  readonly parameters: readonly { readonly name: string; readonly dims: readonly number[] }[];
  /** What a sample is: the data inputs of the model that its scores depend on, in its order. */
  readonly inputs: readonly SampleInput[];
  /** Shape of one sample of the first input. */
  readonly sampleDims: readonly number[];
  /** Fixed batch, where the model has one. */
  readonly batchSize: number | undefined;
  /** Raw scores of one sample. */
  readonly logitCount: number;
  /** Features of one sample: what the last layer with a weight works on. */
  readonly featureCount: number;
}

const SERVING_PREFIX = "serve:";

/** What a training of the scope changes: of low-rank patches the weights that they lie on, and no others. */
function servedParameters(
  graph: ModelGraph,
  file: ModelFile,
  scope: ParameterScope,
): readonly ParameterInfo[] {
  const chosen = scopeParameters(parameterInfos(file), checkScope(scope));
  if (typeof scope === "string" || !("lowRank" in scope)) return chosen;
  const { patches } = patchLowRank(graph, scope, chosen);
  const patched = new Set(patches.map(({ weight }) => weight.name));
  return chosen.filter(({ name }) => patched.has(name));
}

const countPerSample = (shape: Shape, what: string): number => {
  const count = multiplyDims(shape.slice(1));
  if (shape.length === 0 || typeof count !== "number") {
    return turnAway(
      "model.shape_unknown",
      `the ${what} are ${shapeText(shape)}, must be [batch, ...] with only the batch unknown`,
    );
  }
  return count;
};

/**
 * Compiles a model for serving.
 *
 * - Pure and deterministic. Everything that is not named here stays byte for byte as it was in the file.
 *
 * Take a head-sized scope: parameters that are inputs cannot be packed ahead by the engine, which costs a convolution about five times
 * its time. For larger scopes patch the file (`patchParameters`) and load it once a version.
 *
 * @param model bytes of an ONNX file, not trusted
 * @example
 * const model = buildPerceptron({ inputSize: 561, hidden: [64], classCount: 6 }, createSeededRandom(1));
 * const compiled = compileServing(model, { scope: "head" });
 * compiled.ok && compiled.value.parameters.map(({ name }) => name); // => ["head.bias", "head.weight"]
 */
export function compileServing(
  model: Uint8Array,
  options: ServingOptions = {},
): Outcome<CompiledServing> {
  return orRefusal(() => {
    const read = readModelFile(model);
    const {
      name: logits,
      graph,
      file,
    } = rawOutput(read, {
      output: options.output,
      dims: options.dims,
      scores: options.loss === undefined ? "logits" : lossOf(options.loss).rule.scores,
      isForLoss: options.loss !== undefined,
    });
    const own = nodesOf(file, logits);
    const source = featureValue(own);
    const chosen = options.scope === undefined ? [] : servedParameters(graph, own, options.scope);
    if (options.scope !== undefined) checkHidden(own, options.scope, chosen);
    const { statistics } = runningStatistics(own, chosen, options.batchNormalization ?? "frozen");
    const scope = inCanonicalOrder([...chosen, ...statistics], ({ name }) => name);
    const shapeOf = (name: string): Shape => graph.values.get(name)?.shape ?? [];
    const logitCount = countPerSample(shapeOf(logits), "scores");
    const featureCount = countPerSample(shapeOf(source), "features");
    const inputs = sampleInputs(graph);
    const emit = createGraphEmitter(SERVING_PREFIX);
    // Its own name and shape whatever the features were: an input of the graph must not be an output, too.
    const features = emit.node(
      "Flatten",
      [source],
      { axis: integer(1) },
      `${SERVING_PREFIX}features`,
    );
    if ([...graph.values.keys()].some((name) => name.startsWith(SERVING_PREFIX))) {
      turnAway(
        "model.graph_invalid",
        `the model names a value ${SERVING_PREFIX}..., which belongs to serving graphs`,
      );
    }

    const freed = new Set(scope.map((info) => info.name));
    const taken = new Set(inputs.map(({ name }) => name));
    const left = new Set(
      file.inputs.flatMap(({ name }) => (taken.has(name) || graph.constants.has(name) ? [] : name)),
    );
    const budget = createWireBudget();
    let nodeCount = 0;
    const kept = file.graphFields.flatMap((one) => {
      if (one.number === graphField.output) return [];
      if (one.number === graphField.node) {
        const node = file.nodes[nodeCount];
        const isOwn = node === read.nodes[nodeCount];
        nodeCount += 1;
        if (node?.operator === "Constant" && freed.has(node.outputs[0] ?? "")) return [];
        return [
          isOwn || node === undefined ? one.encoded : bytesField(graphField.node, writeNode(node)),
        ];
      }
      if (one.number === graphField.initializer) {
        return freed.has(readTensorName(readFields(one.payload, budget))) ? [] : [one.encoded];
      }
      if (one.number !== graphField.input) return [one.encoded];
      const { name } = readValue(one.payload, budget);
      return freed.has(name) || left.has(name) ? [] : [one.encoded];
    });
    const batch = batchOf(graph);
    const rows = typeof batch === "number" ? batch : dimText(batch);
    const fields = [
      ...kept,
      ...emit.nodes.map((node) => bytesField(graphField.node, writeNode(node))),
      ...scope.map((info) =>
        bytesField(graphField.input, writeValue(info.name, "float32", info.dims)),
      ),
      bytesField(
        graphField.output,
        writeValue(
          logits,
          "float32",
          shapeOf(logits).map((dim) => (typeof dim === "number" ? dim : dimText(dim))),
        ),
      ),
      bytesField(graphField.output, writeValue(features, "float32", [rows, featureCount])),
    ];
    return {
      graph: writeModelFields(file, fields),
      names: { data: inputs[0].name, logits, features },
      parameters: scope.map(({ name, dims }) => ({ name, dims })),
      inputs,
      sampleDims: inputs[0].dims,
      batchSize: typeof batch === "number" ? batch : undefined,
      logitCount,
      featureCount,
    };
  });
}
