// Which features there are and which sensor channel each belongs to. It must not hold numbers of any person.
import { accept, type Outcome, refuse } from "@attune/protocol";

/** Features that are watched together under one name. */
export interface FeatureSeries {
  readonly name: string;
  /** Indices into the feature vector, at least one. */
  readonly features: readonly number[];
  /**
   * Whether it is a sensor's channel and can be named as the one that drifted. A magnitude of three axes is none: it raises the
   * alarm with them, but a fault is on an axis.
   */
  readonly isChannel: boolean;
}

/** What a feature vector holds; plain data of a model package. */
export interface FeatureLayout {
  readonly featureCount: number;
  readonly series: readonly FeatureSeries[];
  /**
   * Features that are sizes (deviations, ranges): compared by ratio, as `log(x + logFloor)`. A dead axis is then far away from
   * a calm one.
   */
  readonly logFeatures: readonly number[];
  /** Series whose sensors could be swapped, such as the three axes of one; two or more channels each, no channel twice. */
  readonly axes: readonly (readonly number[])[];
  /** Added before the logarithm, above 0: what the sensor's noise cannot tell from nothing, in the features' unit. */
  readonly logFloor: number;
}

/** A series costs an e-detector, a feature a column of the covariance: 256 features are 33 thousand products a window, 20 µs. */
export const watchedFeatureMax = 256;
/** More names than a person wants to read. */
export const seriesMax = 64;
/** Classes that a person is told apart in; each costs `featureCount` numbers three times. */
export const watchedClassMax = 64;

/** Larger values are left aside: a baseline is kept in single precision, whose largest number, 3e38, must hold a million squares. */
export const featureValueMax = 1e15;

/** Checks a layout that came from outside. */
export function checkFeatureLayout(layout: FeatureLayout): Outcome<FeatureLayout> {
  const { axes, featureCount, series, logFeatures, logFloor } = layout;
  if (!isCount(featureCount, watchedFeatureMax) || !isCount(series.length, seriesMax)) {
    return refuse(
      "input.shape_mismatch",
      `layout has ${featureCount} features in ${series.length} series, the limits are 1 to ${watchedFeatureMax} and 1 to ${seriesMax}; watch fewer`,
    );
  }
  const indices = [...logFeatures, ...series.flatMap(({ features }) => features)];
  if (
    indices.length > seriesMax * watchedFeatureMax ||
    !indices.every((index) => Number.isInteger(index) && index >= 0 && index < featureCount) ||
    !series.every(({ features }) => features.length > 0)
  ) {
    return refuse(
      "input.shape_mismatch",
      `layout names a feature that is not one of ${featureCount}, or a series without features; fit it again`,
    );
  }
  const swappable = axes.flat();
  if (
    new Set(swappable).size < swappable.length ||
    !swappable.every((line) => series[line]?.isChannel === true) ||
    !axes.every((lines) => lines.length >= 2)
  ) {
    return refuse(
      "input.shape_mismatch",
      `layout's axes name ${swappable.length} series; each must be a channel of the ${series.length}, once, with another one`,
    );
  }
  if (!(logFloor > 0 && logFloor < Number.POSITIVE_INFINITY)) {
    return refuse("input.not_finite", `layout's logFloor is ${logFloor}, it must be above 0`);
  }
  return accept(layout);
}

function isCount(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= max;
}
