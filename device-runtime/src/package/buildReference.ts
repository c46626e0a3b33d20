// Measures what is normal for a model: temperature, out-of-distribution profile and threshold, reference rates. It runs where a
// package is made, not on devices.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { createSeededRandom } from "../adapters/seededRandom.ts";
import { fitErrorReference } from "../core/monitor/errorEstimate.ts";
import { fitAbstention } from "../core/ood/abstention.ts";
import { conformalThreshold, isAboveThreshold } from "../core/ood/conformalThreshold.ts";
import { createOodScorer, fitOodProfile, type OodMethod } from "../core/ood/oodProfile.ts";
import type { OodSamples } from "../core/ood/oodSamples.ts";
import { measurePopulation } from "../core/ood/populationScores.ts";
import { defaultPersonalRule, type PersonalRule } from "../core/ood/userCalibration.ts";
import { areAxes } from "../core/ood/windowStatistics.ts";
import { type CompiledServing, compileServing } from "../model/compile/compileServing.ts";
import type { DimSizes } from "../model/graph/dataInputs.ts";
import { createPredictor, type Predictor } from "../model/session/createPredictor.ts";
import type { OrtRuntime } from "../model/session/ortRuntime.ts";
import type { ForkableRandom } from "../ports/random.ts";
import type { Calibration } from "./calibration.ts";
import { checkWindows } from "./checkWindows.ts";
import { checkLabelledWindows, type LabelledWindows } from "./labelledWindows.ts";
import { type LeaveOneOutViews, leaveOneOut, readsLogits } from "./leaveOneOut.ts";
import { measureProfile } from "./measureProfile.ts";
import { createOodInput, defaultOodInput, type OodInputSpec } from "./oodInput.ts";
import { type Preprocessing, toModelInput, windowLength } from "./preprocessing.ts";
import { largestIndex, softmaxInto } from "./softmax.ts";
import { measureFeatures } from "./watchedFeatures.ts";

/** How a package tells what its model does not know. */
export interface OodPlan {
  /** Nearest neighbours and relative Mahalanobis together when left out (docs/adr/0015-two-distances-by-default.md). */
  readonly method?: OodMethod | undefined;
  /** Features and statistics of the window when left out, where windows are signals. */
  readonly input?: OodInputSpec | undefined;
  readonly personal?: PersonalRule | undefined;
  /** Share of normal windows that may be called outliers; 0.05 when left out. */
  readonly alpha?: number | undefined;
  /** Share of normal windows that are to be answered; 0.9 when left out. */
  readonly coverage?: number | undefined;
  /** Draws references and trees; one of a fixed seed when left out, so that the same windows give the same package. */
  readonly random?: ForkableRandom | undefined;
  /**
   * Trains the model again without a class, for the leave-one-class-out report. The result has as many class scores as the model. When left
   * out, the report looks at statistics of windows, which no training has seen, or says that it is optimistic.
   */
  readonly trainWithout?: ((leftOut: number) => Promise<Uint8Array>) | undefined;
}

/** What {@link buildReference} measures on. */
export interface ReferenceSource {
  /** A whole ONNX file. */
  readonly model: Uint8Array;
  readonly preprocessing: Preprocessing;
  /** Windows that the model was trained on: what known input looks like. */
  readonly fit: LabelledWindows;
  /** Windows of people that the model was **not** trained on, in time order: how well it does on a new person. */
  readonly check: LabelledWindows;
  readonly runtime: OrtRuntime;
  readonly ood?: OodPlan | undefined;
  /** Sizes of dimensions that the model leaves open, as its training plan fixes them; none when left out. */
  readonly dims?: DimSizes | undefined;
}

/** The score of a package that names none. */
const defaultMethod: OodMethod = { kind: "combined" };

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
  const { preprocessing, fit, check, runtime, ood = {} } = source;
  const { alpha = 0.05, coverage = 0.9, method = defaultMethod } = ood;
  const random = ood.random ?? createSeededRandom("reference");
  if (!(alpha > 0 && alpha < 1) || !(coverage > 0 && coverage <= 1)) {
    return refuse(
      "input.shape_mismatch",
      `alpha is ${alpha} and coverage ${coverage}; they must be in (0, 1) and (0, 1]`,
    );
  }
  for (const [name, set] of Object.entries({ fit, check })) {
    const refused = checkLabelledWindows(name, set, preprocessing);
    if (!refused.ok) return refused;
  }
  const serving = compileFor(source.model, source);
  if (!serving.ok) return serving;
  const { featureCount } = serving.value;
  const classCount = preprocessing.labels.length;
  const input = ood.input ?? defaultOodInput(preprocessing, featureCount);
  if (!input.vectors.every((axes) => areAxes(axes, preprocessing.channels.length))) {
    return refuse(
      "input.shape_mismatch",
      `vectors are two or more of channels 0 to ${preprocessing.channels.length - 1} each`,
    );
  }
  const view = await viewOf(runtime, serving.value, source, input);
  const profile = fitOodProfile(view.fit, method, random.fork("profile"));
  if (!profile.ok) return profile;

  const { logits, features } = view.check;
  const count = check.labels.length;
  const temperature = fitTemperature(logits, check.labels, classCount);
  const scorer = createOodScorer(profile.value);
  const scores = Float64Array.from({ length: count }, (_, index) =>
    scorer.score(features, index * view.check.dimension, logits, index * classCount),
  );
  if (!scores.every(Number.isFinite)) {
    return refuse("input.not_finite", "a score of a checked window is not finite; scale it down");
  }
  const { threshold } = conformalThreshold(scores, alpha);
  const probabilities = new Float32Array(classCount);
  const confidences = new Float32Array(count);
  const wasCorrect: boolean[] = [];
  const answers = new Uint16Array(count);
  const isOutlier = Array.from(scores, (score) => isAboveThreshold(score, threshold));
  for (let index = 0; index < count; index += 1) {
    softmaxInto(logits, index * classCount, classCount, temperature, probabilities, 0);
    const answer = largestIndex(probabilities, 0, classCount);
    confidences[index] = probabilities[answer] as number;
    answers[index] = answer;
    wasCorrect.push(answer === check.labels[index]);
  }
  const errorCount = wasCorrect.filter((isRight) => !isRight).length;
  const outlierCount = isOutlier.filter(Boolean).length;

  const profileOfPeople = measureProfile(preprocessing, check, answers);
  const report = await leaveOneOut(
    classCount,
    method,
    (leftOut) => viewsWithout(source, input, view, leftOut),
    random.fork("leave one out"),
  );
  if (!report.ok) return report;
  return accept({
    temperature,
    ood: {
      version: 1,
      input: { reads: input.reads, vectors: input.vectors.map((axes) => [...axes]) },
      profile: profile.value,
      threshold,
      alpha,
      count,
      population: measurePopulation(scores, check.persons ?? new Uint8Array(count)),
      personal: ood.personal ?? defaultPersonalRule,
      leaveOneOut: report.value,
    },
    abstention: fitAbstention({ confidences, wasCorrect, isOutlier }, coverage),
    reference: {
      errorRate: (errorCount + 0.5) / (count + 1),
      outlierShare: (outlierCount + 0.5) / (count + 1),
      confidence: confidences.reduce((sum, value) => sum + value / count, 0),
      count,
    },
    drift: {
      features: measureFeatures(preprocessing, check, answers),
      errors: fitErrorReference(
        [...confidences].map((value) => Math.min(1, value)),
        wasCorrect,
      ),
    },
    ...(profileOfPeople === null ? {} : { profile: profileOfPeople }),
  });
}

/** A model that gives as many scores as there are labels. */
function compileFor(
  model: Uint8Array,
  { preprocessing: { labels }, dims = {} }: ReferenceSource,
): Outcome<CompiledServing> {
  const serving = compileServing(model, { dims });
  if (!serving.ok) return serving;
  const takes = checkWindows(serving.value);
  if (!takes.ok) return takes;
  if (serving.value.logitCount === labels.length) return serving;
  return refuse(
    "input.shape_mismatch",
    `the model gives ${serving.value.logitCount} scores, preprocessing names ${labels.length} labels; make them one`,
  );
}

/** Samples in typed arrays, as a model sees them. */
type SeenSamples = OodSamples & {
  readonly features: Float32Array;
  readonly logits: Float32Array;
};

interface View {
  readonly fit: SeenSamples;
  readonly check: SeenSamples;
}

/** What a model and an input make of all windows. */
async function viewOf(
  runtime: OrtRuntime,
  serving: CompiledServing,
  { preprocessing, fit, check }: ReferenceSource,
  spec: OodInputSpec,
): Promise<View> {
  const predictor = await createPredictor(runtime, serving);
  const input = createOodInput(spec, preprocessing, serving.featureCount);
  const length = windowLength(preprocessing);
  const samplesOf = async (set: LabelledWindows): Promise<SeenSamples> => {
    const { logits, features } = await run(predictor, preprocessing, set);
    const seen = new Float32Array(set.labels.length * input.length);
    for (let index = 0; index < set.labels.length; index += 1) {
      const featuresAt = index * serving.featureCount;
      input.fill(set.windows, index * length, features, featuresAt, seen, index * input.length);
    }
    return {
      dimension: input.length,
      classCount: preprocessing.labels.length,
      features: seen,
      logits,
      labels: set.labels,
    };
  };
  try {
    return { fit: await samplesOf(fit), check: await samplesOf(check) };
  } finally {
    await predictor.release();
  }
}

/** What is seen when a class is left out: by a model that never saw it, or by what no training has seen. */
async function viewsWithout(
  source: ReferenceSource,
  input: OodInputSpec,
  view: View,
  leftOut: number,
): Promise<Outcome<LeaveOneOutViews>> {
  const { preprocessing, runtime, ood } = source;
  if (ood?.trainWithout !== undefined) {
    const serving = compileFor(await ood.trainWithout(leftOut), source);
    if (!serving.ok) return serving;
    return accept({
      ...(await viewOf(runtime, serving.value, source, input)),
      seen: "nothing",
    });
  }
  const isBlind =
    input.reads !== "features" && !readsLogits.has((ood?.method ?? defaultMethod).kind);
  if (!isBlind) return accept({ ...view, seen: "everything" });
  const length = createOodInput({ ...input, reads: "statistics" }, preprocessing, 0).length;
  const statistics = (samples: SeenSamples): OodSamples => ({
    ...samples,
    dimension: length,
    features: lastColumns(samples.features, samples.dimension, length),
  });
  return accept({
    fit: statistics(view.fit),
    check: statistics(view.check),
    seen: "scores",
  });
}

/** The last `kept` of every `width` numbers. */
function lastColumns(rows: Float32Array, width: number, kept: number): Float32Array {
  const into = new Float32Array((rows.length / width) * kept);
  for (let row = 0; row < rows.length / width; row += 1) {
    into.set(rows.subarray((row + 1) * width - kept, (row + 1) * width), row * kept);
  }
  return into;
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
