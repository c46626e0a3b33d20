// One person's own normal by class, and how far a window is from it. It must not raise an alarm.
import { Defect } from "@attune/protocol";
import { detectorValueMax } from "../driftDetector.ts";
import { type ChangeDirections, createChangeDirections } from "./channelChanges.ts";
import type { FeatureReference } from "./featureReference.ts";

/** All that a {@link PersonalBaseline} remembers; plain data. */
export interface PersonalBaselineState {
  /** Windows learned of each class, `(classCount,)`. */
  readonly counts: Uint32Array;
  /** The person's means while a class is learned, its shrunk centres afterwards, `(classCount, featureCount)`. */
  readonly centres: Float32Array;
  /** Sums of squared deviations while a class is learned, inverse standard deviations afterwards, likewise. */
  readonly scales: Float32Array;
}

/** One person's own normal. One owner: scores are written into its buffers. */
export interface PersonalBaseline {
  /** Distances of the last scored window in its class, `(series + 1,)`: the last one of all features jointly. */
  readonly scores: Float64Array;
  /** Distances of the last scored window in the class in which each series is least unusual, `(series,)`. */
  readonly leastScores: Float64Array;
  /** Mean signed deviation of each series' features in the predicted class, `(series,)`: which way the last scored window lies. */
  readonly shifts: Float64Array;
  /** How far the last scored window lies towards each known change, from the person's own normal. */
  readonly directions: ChangeDirections;
  /** Whether a class has been learned. */
  isLearned(label: number): boolean;
  /** Takes one window of a class that is not yet learned. */
  learn(features: ArrayLike<number>, label: number): void;
  /** Writes {@link scores}, {@link leastScores}, {@link shifts} and {@link directions}; the class must be learned. Allocates nothing. */
  score(features: ArrayLike<number>, label: number): void;
  state(): PersonalBaselineState;
}

/** The population's mean weighs as much as so many windows of the person's own. */
const meanPriorCount = 2;
/** The population's variance weighs as much as so many. */
const variancePriorCount = 10;
/** A single feature never counts for more deviations than this, so that no one feature drowns the others' story. */
const deviationMax = 30;

/** Creates a person's baseline, or goes on from a state. */
export function createPersonalBaseline(
  reference: FeatureReference,
  baselineCount: number,
  state?: PersonalBaselineState,
): PersonalBaseline {
  const { classCount, layout } = reference;
  const { featureCount, series, logFloor } = layout;
  const cells = classCount * featureCount;
  const counts = new Uint32Array(classCount);
  const centres = new Float32Array(cells);
  const scales = new Float32Array(cells);
  const whitenedCentres = new Float32Array(cells);
  const isLog = new Uint8Array(featureCount);
  for (const index of layout.logFeatures) isLog[index] = 1;
  const values = new Float64Array(featureCount);
  const whitened = new Float64Array(featureCount);
  const squares = new Float64Array(cells);
  const deviations = new Float64Array(featureCount);
  const scores = new Float64Array(series.length + 1);
  const leastScores = new Float64Array(series.length);
  const shifts = new Float64Array(series.length);
  const directions = createChangeDirections(reference);
  const members = series.map(({ features }) => Uint16Array.from(features));

  function read(features: ArrayLike<number>): void {
    for (let index = 0; index < featureCount; index++) {
      const value = features[index] as number;
      values[index] = isLog[index] === 1 ? Math.log(Math.max(0, value) + logFloor) : value;
    }
  }

  /** Solves the triangle for `from[offset...]`. */
  function whiten(from: ArrayLike<number>, offset: number): void {
    const { factor } = reference;
    for (let row = 0, at = 0; row < featureCount; row++) {
      let sum = from[offset + row] as number;
      for (let column = 0; column < row; column++, at++) {
        sum -= (factor[at] as number) * (whitened[column] as number);
      }
      whitened[row] = sum / (factor[at] as number);
      at++;
    }
  }

  /** Makes what a class is scored by of its centres and deviations. */
  function settle(label: number): void {
    whiten(centres, label * featureCount);
    whitenedCentres.set(whitened, label * featureCount);
    directions.aim(label, centres, scales);
  }

  function finish(label: number): void {
    const count = counts[label] as number;
    const priorShare = meanPriorCount / (meanPriorCount + count);
    for (let at = label * featureCount; at < (label + 1) * featureCount; at++) {
      const own = centres[at] as number;
      centres[at] = own + priorShare * ((reference.means[at] as number) - own);
      const within =
        (variancePriorCount * (reference.withinVariances[at] as number) + (scales[at] as number)) /
        (variancePriorCount + count);
      // What the shrinkage leaves of the person's distance from everybody.
      const left = priorShare * priorShare * (reference.betweenVariances[at] as number);
      scales[at] = 1 / Math.sqrt(within + left);
    }
    settle(label);
  }

  if (state !== undefined) {
    if (
      state.counts.length !== classCount ||
      state.centres.length !== cells ||
      state.scales.length !== cells
    ) {
      throw new Defect(
        "detector.state_invalid",
        `baseline has ${state.counts.length} classes and ${state.centres.length} centres, the reference ${classCount} and ${cells}`,
      );
    }
    counts.set(state.counts);
    centres.set(state.centres);
    scales.set(state.scales);
    for (let label = 0; label < classCount; label++) {
      if (isLearned(label)) settle(label);
    }
  }

  function isLearned(label: number): boolean {
    return (counts[label] as number) >= baselineCount;
  }

  return {
    scores,
    leastScores,
    shifts,
    directions,
    isLearned,
    learn(features, label) {
      read(features);
      const count = (counts[label] as number) + 1;
      counts[label] = count;
      for (let index = 0, at = label * featureCount; index < featureCount; index++, at++) {
        const before = (values[index] as number) - (centres[at] as number);
        centres[at] = (centres[at] as number) + before / count;
        scales[at] =
          (scales[at] as number) + before * ((values[index] as number) - (centres[at] as number));
      }
      if (count === baselineCount) finish(label);
    },
    score(features, label) {
      read(features);
      whiten(values, 0);
      directions.measure(values, label);
      let nearest = Number.POSITIVE_INFINITY;
      leastScores.fill(Number.POSITIVE_INFINITY);
      for (let other = 0; other < classCount; other++) {
        if (!isLearned(other)) continue;
        let square = 0;
        const begin = other * featureCount;
        for (let index = 0; index < featureCount; index++) {
          const apart = (whitened[index] as number) - (whitenedCentres[begin + index] as number);
          square += apart * apart;
          const signed =
            ((values[index] as number) - (centres[begin + index] as number)) *
            (scales[begin + index] as number);
          const deviation = Math.max(-deviationMax, Math.min(deviationMax, signed));
          squares[begin + index] = deviation * deviation;
          if (other === label) deviations[index] = deviation;
        }
        nearest = Math.min(nearest, square);
        for (let line = 0; line < members.length; line++) {
          const indices = members[line] as Uint16Array;
          let sum = 0;
          let shift = 0;
          for (let k = 0; k < indices.length; k++) {
            sum += squares[begin + (indices[k] as number)] as number;
            shift += deviations[indices[k] as number] as number;
          }
          const score = Math.sqrt(sum / indices.length);
          if (other === label) {
            scores[line] = score;
            shifts[line] = shift / indices.length;
          }
          if (score < (leastScores[line] as number)) leastScores[line] = score;
        }
      }
      scores[members.length] = Math.min(detectorValueMax, Math.sqrt(nearest / featureCount));
    },
    state: () => ({
      counts: counts.slice(),
      centres: centres.slice(),
      scales: scales.slice(),
    }),
  };
}

/** Where the row of a class begins in `scoreLimits`. */
export function limitRow(reference: FeatureReference, label: number): number {
  return label * (reference.layout.series.length + 1);
}
