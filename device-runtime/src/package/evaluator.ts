// Answers of a package to many windows, by the very code that devices answer with. It must not know what they are for.
import { type Hashing, type Outcome, type ParameterSet, portableHashing } from "@attune/protocol";
import { createInference } from "../adapters/ortInference.ts";
import type { OrtRuntime } from "../model/session/ortRuntime.ts";
import type { LoadedVersion } from "../ports/inference.ts";
import { type ModelPackage, versionOf } from "./modelPackage.ts";
import { createOodJudge } from "./oodJudge.ts";
import { windowLength } from "./preprocessing.ts";
import { largestIndex, softmaxInto } from "./softmax.ts";

/** Answers to `n` windows. */
export interface EvaluatedWindows {
  /** `(n,)`, in `[0, K)`. */
  readonly classes: Int32Array;
  /** `(n, K)`. */
  readonly probabilities: Float32Array;
  /** `(n,)`, as devices compare with the package's threshold. */
  readonly oodScores: Float64Array;
}

/** A loaded package that answers. */
export interface Evaluator {
  /**
   * Answers windows.
   *
   * @param windows `(n, windowLength)`, raw units
   * @param parameters what to answer with in place of the package's own; at least the scope's
   */
  answer(windows: Float32Array, parameters?: ParameterSet): Promise<EvaluatedWindows>;
  release(): Promise<void>;
}

/** Windows that are answered in one run: 256 of 6x128 take 0.8 MB. */
const BATCH_WINDOWS_MAX = 256;

/**
 * Raw scores and features of windows.
 *
 * @returns `logits` `(n, K)`, `features` `(n, featureCount)`
 */
export async function answerInBatches(
  loaded: LoadedVersion,
  windows: Float32Array,
  parameters: ParameterSet | null,
): Promise<{ readonly logits: Float32Array; readonly features: Float32Array }> {
  const { preprocessing } = loaded.modelPackage;
  const length = windowLength(preprocessing);
  const classCount = preprocessing.labels.length;
  const count = windows.length / length;
  const logits = new Float32Array(count * classCount);
  const features = new Float32Array(count * loaded.featureCount);
  for (let from = 0; from < count; from += BATCH_WINDOWS_MAX) {
    const to = Math.min(count, from + BATCH_WINDOWS_MAX);
    await loaded.answer(windows.subarray(from * length, to * length), to - from, parameters, {
      logits: logits.subarray(from * classCount, to * classCount),
      features: features.subarray(from * loaded.featureCount, to * loaded.featureCount),
    });
  }
  return { logits, features };
}

/**
 * Loads a package to answer many windows with it, such as a validation set.
 *
 * @returns `model.*` when it does not load
 */
export async function createEvaluator(
  modelPackage: ModelPackage,
  runtime: OrtRuntime,
  hashing: Hashing = portableHashing,
): Promise<Outcome<Evaluator>> {
  const outcome = await createInference(runtime, hashing).load(
    versionOf(modelPackage, hashing),
    () => Promise.resolve({ ok: true, value: modelPackage }),
  );
  if (!outcome.ok) return outcome;
  const loaded = outcome.value;
  const { preprocessing, calibration } = modelPackage;
  const classCount = preprocessing.labels.length;
  const { featureCount } = loaded;
  const judge = createOodJudge(calibration, preprocessing, featureCount);
  const length = windowLength(preprocessing);
  return {
    ok: true,
    value: {
      async answer(windows, parameters) {
        const { logits, features } = await answerInBatches(loaded, windows, parameters ?? null);
        const count = logits.length / classCount;
        const classes = new Int32Array(count);
        const probabilities = new Float32Array(logits.length);
        const oodScores = new Float64Array(count);
        for (let index = 0; index < count; index += 1) {
          const at = index * classCount;
          classes[index] = largestIndex(logits, at, classCount);
          softmaxInto(logits, at, classCount, calibration.temperature, probabilities, at);
          oodScores[index] = judge.score(
            windows,
            index * length,
            features,
            index * featureCount,
            logits,
            at,
          );
        }
        return { classes, probabilities, oodScores };
      },
      release: () => loaded.release(),
    },
  };
}
