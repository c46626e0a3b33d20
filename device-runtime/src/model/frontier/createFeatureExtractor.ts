// Runs the frozen part of a cut training.
import { assertDefect, elementCount } from "@attune/protocol";
import type { OrtRuntime } from "../session/ortRuntime.ts";
import { type SampleData, sampleFeeds } from "../session/sampleData.ts";
import type { CompiledFrontier } from "./compileFrontier.ts";

/** Computes features with one loaded graph. */
export interface FeatureExtractor {
  readonly compiled: CompiledFrontier;
  /**
   * The features of `count` samples, `[count, ...featureDims]`, owned by the caller. Blocks its thread while it computes.
   *
   * @param data `[count, ...sample]`, row-major, by name where the frozen part has several inputs; more is ignored
   * @throws Defect `predictor.shape_mismatch`
   * @throws Fault `ort.run_failed`
   */
  extract(data: SampleData, count: number): Promise<Float32Array>;
  /** Frees the engine's memory. */
  release(): Promise<void>;
}

/**
 * Loads the frozen part of a training into an engine.
 *
 * @throws Fault `ort.graph_not_loadable`
 * @example
 * import { unwrap } from "@attune/protocol";
 *
 * const model = buildPerceptron({ inputSize: 4, hidden: [8], classCount: 3 }, createSeededRandom(1));
 * const plan = { scope: "head", loss: { kind: "crossEntropy" }, optimizer: { kind: "sgd" } } as const;
 * const cut = unwrap(compileFrontier(model, plan));
 * const runtime = await loadNodeOrt();
 * const extractor = await createFeatureExtractor(runtime, cut);
 * const features = await extractor.extract(Float32Array.of(1, 0, 0, 1, 0, 1, 1, 0), 2);
 * const trainer = await createTrainer(runtime, cut.tail);
 * const slice = { stepCount: 1, batchSize: 2, data: features, truth: Int32Array.of(0, 2), learningRate: 0.1 };
 * const { losses } = await trainer.run(trainer.begin(unwrap(readParameters(model))), slice);
 * losses.length; // => 1
 * await trainer.release();
 * await extractor.release();
 */
export async function createFeatureExtractor(
  runtime: OrtRuntime,
  compiled: CompiledFrontier,
): Promise<FeatureExtractor> {
  const graph = await runtime.load(compiled.features);
  const { names, inputs, featureDims } = compiled;
  return {
    compiled,
    async extract(data, count) {
      assertDefect(
        Number.isInteger(count) && count >= 1 && (compiled.batchSize ?? count) === count,
        "predictor.shape_mismatch",
        `${count} samples; ${compiled.batchSize ?? "at least 1"}`,
      );
      const results = await graph.run(sampleFeeds(inputs, data, count), [names.features]);
      const features = results[names.features]?.data;
      assertDefect(
        features instanceof Float32Array && features.length === count * elementCount(featureDims),
        "predictor.shape_mismatch",
        `the graph gave ${features?.length ?? 0} features for ${count} samples of [${featureDims.join(", ")}]`,
      );
      return features;
    },
    release: () => graph.release(),
  };
}
