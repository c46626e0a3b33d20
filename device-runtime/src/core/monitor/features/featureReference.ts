// What is normal for people's own deviations from themselves. It must not hold anything of one person.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { channelChangesOf, channelFeaturesOf } from "./channelChanges.ts";
import { checkFeatureLayout, type FeatureLayout, watchedClassMax } from "./featureLayout.ts";

/**
 * How far people are from their own past, by class: plain data, made once by `fitFeatureReference`, shipped in the model package.
 * Sizes are logarithms throughout, see {@link FeatureLayout.logFeatures}.
 */
export interface FeatureReference {
  readonly version: 2;
  readonly layout: FeatureLayout;
  readonly classCount: number;
  /** So many windows of a class were a person's past when this was measured. */
  readonly baselineCount: number;
  /** Mean of people's means, `(classCount, featureCount)` row by row. */
  readonly means: Float64Array;
  /** Variance of one window around its person's past, likewise; above 0. */
  readonly withinVariances: Float64Array;
  /** Variance of people's means, likewise; 0 or more. */
  readonly betweenVariances: Float64Array;
  /** Lower Cholesky factor of the windows' covariance around their person's past, all classes together, packed row by row. */
  readonly factor: Float64Array;
  /**
   * The score that few normal windows exceed, `(classCount, series + 1)`, the last column for all features jointly; in
   * standard deviations, above 0.
   */
  readonly scoreLimits: Float64Array;
  /**
   * Lower Cholesky factor of the correlation of the channels' features around their person's past, packed row by row; in units of
   * the class's deviation, features ascending.
   */
  readonly changeFactor: Float64Array;
  /** The distance towards each known change that few normal windows exceed, `(classCount, changes)`; in standard deviations, above 0. */
  readonly changeLimits: Float64Array;
}

/** Checks a reference that came from outside, such as in a model package. */
export function checkFeatureReference(reference: FeatureReference): Outcome<FeatureReference> {
  if (reference.version !== 2) {
    return refuse(
      "input.shape_mismatch",
      `reference has version ${String(reference.version)}, 2 is known; fit it again`,
    );
  }
  const layout = checkFeatureLayout(reference.layout);
  if (!layout.ok) return layout;
  const { featureCount, series } = layout.value;
  const { classCount, baselineCount } = reference;
  if (!isCount(classCount, watchedClassMax) || !isCount(baselineCount, 1e6)) {
    return refuse(
      "input.shape_mismatch",
      `reference has ${classCount} classes (limit ${watchedClassMax}) and ${baselineCount} baseline windows; fit it again`,
    );
  }
  const changeCount = channelChangesOf(layout.value, classCount).length;
  const channelFeatureCount = channelFeaturesOf(layout.value).length;
  const cells = classCount * featureCount;
  const expected = [
    ["means", reference.means, cells, Number.NEGATIVE_INFINITY],
    ["withinVariances", reference.withinVariances, cells, Number.MIN_VALUE],
    ["betweenVariances", reference.betweenVariances, cells, 0],
    ["factor", reference.factor, triangleLength(featureCount), Number.NEGATIVE_INFINITY],
    [
      "changeFactor",
      reference.changeFactor,
      triangleLength(channelFeatureCount),
      Number.NEGATIVE_INFINITY,
    ],
    ["changeLimits", reference.changeLimits, classCount * changeCount, Number.MIN_VALUE],
    ["scoreLimits", reference.scoreLimits, classCount * (series.length + 1), Number.MIN_VALUE],
  ] as const;
  for (const [name, values, length, min] of expected) {
    if (values.length !== length) {
      return refuse(
        "input.shape_mismatch",
        `reference's ${name} has ${values.length} numbers, ${length} are needed; fit it again`,
      );
    }
    if (!values.every((value) => Number.isFinite(value) && value >= min)) {
      return refuse(
        "input.not_finite",
        `reference's ${name} holds a number that is not finite or too small; fit it again`,
      );
    }
  }
  for (const factor of [reference.factor, reference.changeFactor]) {
    for (let row = 0; triangleLength(row) < factor.length; row++) {
      if (!((factor[triangleLength(row) + row] as number) > 0)) {
        return refuse(
          "input.not_finite",
          `reference's covariance factor is not positive at feature ${row}; fit it again`,
        );
      }
    }
  }
  return accept(reference);
}

function isCount(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= max;
}

/** Numbers of a packed lower triangle. */
function triangleLength(rows: number): number {
  return (rows * (rows + 1)) / 2;
}
