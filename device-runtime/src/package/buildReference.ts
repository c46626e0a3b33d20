// Measures what is normal for a model: temperature, out-of-distribution profile and threshold, reference rates. It runs where a
// package is made, not on devices.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { conformalThreshold } from "../core/ood/conformalThreshold.ts";
import { fitMahalanobis } from "../core/ood/fitMahalanobis.ts";
import { createMahalanobisScorer } from "../core/ood/mahalanobis.ts";
import { compileServing } from "../model/compile/compileServing.ts";
import { createPredictor, type Predictor } from "../model/session/createPredictor.ts";
import type { OrtRuntime } from "../model/session/ortRuntime.ts";
import type { Calibration } from "./calibration.ts";
import { checkLabelledWindows, type LabelledWindows } from "./labelledWindows.ts";
import { type Preprocessing, toModelInput, windowLength } from "./preprocessing.ts";
import { largestIndex, softmaxInto } from "./softmax.ts";

/** What {@link buildReference} measures on. */
export interface ReferenceSource {
  /** A whole ONNX file. */
  readonly model: Uint8Array;
  readonly preprocessing: Preprocessing;
  /** Windows that the model was trained on: what known input looks like. */
  readonly fit: LabelledWindows;
  /** Windows of people that the model was **not** trained on: how well it does on a new person. */
  readonly check: LabelledWindows;
  readonly runtime: OrtRuntime;
  /** Share of normal windows that may be called outliers; 0.05 when left out. */
  readonly alpha?: number;
}

const BATCH_WINDOWS_MAX = 256;

/** The range of temperatures that a fit may give: beyond it a model is broken, not badly calibrated. */
const TEMPERATURE_MIN = 0.05;
const TEMPERATURE_MAX = 20;

/**
 * Measures a model's calibration on labelled windows.
 *
 * - The profile is fitted on `fit`, everything else on `check`. Reference rates are smoothed by half an event, because "never" is not
 *   known from a finite number of windows.
 *
 * @returns `input.shape_mismatch`, `input.not_finite`, or `model.*` when the model does not compile
 * @see Guo et al. 2017, "On calibration of modern neural networks", section 4.2 (temperature scaling)
 */
export async function buildReference(source: ReferenceSource): Promise<Outcome<Calibration>> {
  const { preprocessing, fit, check, runtime, alpha = 0.05 } = source;
  for (const [name, set] of Object.entries({ fit, check })) {
    const refused = checkLabelledWindows(name, set, preprocessing);
    if (!refused.ok) return refused;
  }
  const serving = compileServing(source.model);
  if (!serving.ok) return serving;
  const { featureCount, logitCount } = serving.value;
  const classCount = preprocessing.labels.length;
  if (logitCount !== classCount) {
    return refuse(
      "input.shape_mismatch",
      `the model gives ${logitCount} scores, preprocessing names ${classCount} labels; make them one`,
    );
  }
  const predictor = await createPredictor(runtime, serving.value);
  try {
    const fitted = await run(predictor, preprocessing, fit);
    const profile = fitMahalanobis(fitted.features, fit.labels, {
      dimension: featureCount,
      classCount,
    });
    if (!profile.ok) return profile;
    const checked = await run(predictor, preprocessing, check);
    const count = check.labels.length;
    const temperature = fitTemperature(checked.logits, check.labels, classCount);
    const scorer = createMahalanobisScorer(profile.value);
    const scores = Float64Array.from({ length: count }, (_, index) =>
      scorer.score(checked.features, index * featureCount),
    );
    const { threshold } = conformalThreshold(scores, alpha);
    const probabilities = new Float32Array(classCount);
    let errors = 0;
    let outliers = 0;
    let confidence = 0;
    for (let index = 0; index < count; index += 1) {
      const at = index * classCount;
      softmaxInto(checked.logits, at, classCount, temperature, probabilities, 0);
      const answer = largestIndex(probabilities, 0, classCount);
      confidence += (probabilities[answer] as number) / count;
      if (answer !== check.labels[index]) errors += 1;
      if ((scores[index] as number) > threshold) outliers += 1;
    }
    return accept({
      temperature,
      ood: { profile: profile.value, threshold, alpha, count },
      reference: {
        errorRate: (errors + 0.5) / (count + 1),
        outlierShare: (outliers + 0.5) / (count + 1),
        confidence,
        count,
      },
    });
  } finally {
    await predictor.release();
  }
}

async function run(
  predictor: Predictor,
  preprocessing: Preprocessing,
  { windows, labels }: LabelledWindows,
): Promise<{ readonly logits: Float32Array; readonly features: Float32Array }> {
  const { featureCount, logitCount } = predictor.compiled;
  const length = windowLength(preprocessing);
  const count = labels.length;
  const logits = new Float32Array(count * logitCount);
  const features = new Float32Array(count * featureCount);
  const scratch = new Float32Array(Math.min(count, BATCH_WINDOWS_MAX) * length);
  for (let from = 0; from < count; from += BATCH_WINDOWS_MAX) {
    const to = Math.min(count, from + BATCH_WINDOWS_MAX);
    toModelInput(preprocessing, windows.subarray(from * length, to * length), to - from, scratch);
    await predictor.predict(scratch, to - from, [], {
      logits: logits.subarray(from * logitCount, to * logitCount),
      features: features.subarray(from * featureCount, to * featureCount),
    });
  }
  return { logits, features };
}

/**
 * The temperature with the least negative log-likelihood, by golden section over its logarithm: the loss has one minimum. Windows that
 * are all answered right would have it at 0; its logarithm is pulled to 0 with the weight of a standard normal prior.
 */
function fitTemperature(logits: Float32Array, labels: Int32Array, classCount: number): number {
  const probabilities = new Float32Array(classCount);
  const loss = (logTemperature: number): number => {
    let sum = logTemperature ** 2 / 2;
    for (let index = 0; index < labels.length; index += 1) {
      softmaxInto(
        logits,
        index * classCount,
        classCount,
        Math.exp(logTemperature),
        probabilities,
        0,
      );
      sum -= Math.log(Math.max(1e-30, probabilities[labels[index] as number] as number));
    }
    return sum;
  };
  const ratio = (Math.sqrt(5) - 1) / 2;
  let low = Math.log(TEMPERATURE_MIN);
  let high = Math.log(TEMPERATURE_MAX);
  let left = high - ratio * (high - low);
  let right = low + ratio * (high - low);
  let leftLoss = loss(left);
  let rightLoss = loss(right);
  while (high - low > 1e-4) {
    if (leftLoss < rightLoss) {
      high = right;
      right = left;
      rightLoss = leftLoss;
      left = high - ratio * (high - low);
      leftLoss = loss(left);
    } else {
      low = left;
      left = right;
      leftLoss = rightLoss;
      right = low + ratio * (high - low);
      rightLoss = loss(right);
    }
  }
  return Math.exp((low + high) / 2);
}
