// Runs a serving graph into the caller's arrays.
import { assertDefect, type ParameterSet } from "@attune/protocol";
import type { CompiledServing } from "../compile/compileServing.ts";
import type { OrtRuntime, OrtTensor } from "./ortRuntime.ts";
import { type SampleData, sampleFeeds } from "./sampleData.ts";

/** Where predictions go; both are written from the start. */
export interface Predictions {
  /** Raw scores, at least `count * logitCount` long. */
  readonly logits: Float32Array;
  /** Features, at least `count * featureCount` long; left out where they are not wanted. */
  readonly features?: Float32Array;
}

/** Predicts with one loaded graph, for any user and version. */
export interface Predictor {
  readonly compiled: CompiledServing;
  /**
   * Predicts `count` samples.
   *
   * Blocks its thread while it computes. Calls may overlap, each with arrays of its own.
   *
   * @param data `[count, ...sample]`, row-major, by name where the model has several inputs; more is ignored
   * @param parameters at least those that the graph takes as inputs
   * @throws Defect `predictor.shape_mismatch`, `predictor.parameter_missing`
   * @throws Fault `ort.run_failed`
   */
  predict(
    data: SampleData,
    count: number,
    parameters: ParameterSet,
    into: Predictions,
  ): Promise<void>;
  /** Frees the engine's memory. */
  release(): Promise<void>;
}

function copyInto(
  what: string,
  result: OrtTensor | undefined,
  target: Float32Array,
  length: number,
): void {
  const data = result?.data;
  assertDefect(
    data instanceof Float32Array && data.length === length,
    "predictor.shape_mismatch",
    `the graph gave ${data?.length ?? 0} ${what}, must be ${length}`,
  );
  assertDefect(
    target.length >= length,
    "predictor.shape_mismatch",
    `the array for ${what} holds ${target.length} values, ${length} are needed`,
  );
  target.set(data);
}

/**
 * Loads a serving graph into an engine.
 *
 * @throws Fault `ort.graph_not_loadable`
 * @example
 * import { unwrap } from "@attune/protocol";
 *
 * const model = buildPerceptron({ inputSize: 4, hidden: [8], classCount: 3 }, createSeededRandom(1));
 * const compiled = unwrap(compileServing(model, { scope: "head" }));
 * const predictor = await createPredictor(await loadNodeOrt(), compiled);
 * const logits = new Float32Array(compiled.logitCount);
 * await predictor.predict(new Float32Array(4), 1, unwrap(readParameters(model)), { logits });
 * logits; // => new Float32Array(3)
 * await predictor.release();
 */
export async function createPredictor(
  runtime: OrtRuntime,
  compiled: CompiledServing,
): Promise<Predictor> {
  const graph = await runtime.load(compiled.graph);
  const { names, inputs: samples, logitCount, featureCount } = compiled;
  return {
    compiled,
    async predict(data, count, parameters, into) {
      assertDefect(
        Number.isInteger(count) && count >= 1,
        "predictor.shape_mismatch",
        `${count} samples; at least 1`,
      );
      assertDefect(
        compiled.batchSize === undefined || compiled.batchSize === count,
        "predictor.shape_mismatch",
        `${count} samples, the model has a fixed batch of ${compiled.batchSize}`,
      );
      const inputs = sampleFeeds(samples, data, count);
      for (const { name, dims } of compiled.parameters) {
        const tensor = parameters.find((one) => one.name === name);
        assertDefect(
          tensor?.dims.join() === dims.join(),
          "predictor.parameter_missing",
          `parameter ${name} of shape [${dims.join(", ")}] is not given`,
        );
        inputs[name] = { type: "float32", dims, data: tensor.data };
      }
      const wanted = into.features === undefined ? [names.logits] : [names.logits, names.features];
      const results = await graph.run(inputs, wanted);
      copyInto("scores", results[names.logits], into.logits, count * logitCount);
      if (into.features !== undefined) {
        copyInto("features", results[names.features], into.features, count * featureCount);
      }
    },
    release: () => graph.release(),
  };
}
