// What an out-of-distribution profile is fitted on. It must not know any score.
import { accept, Defect, type Outcome, refuse } from "@attune/protocol";
import { classCountMax, featureCountMax } from "./gaussianProfile.ts";

/** Samples that a model knows, with what it makes of them. */
export interface OodSamples {
  /** Length of a feature vector. */
  readonly dimension: number;
  readonly classCount: number;
  /** `(n, dimension)` row by row. */
  readonly features: ArrayLike<number>;
  /** Raw class scores, `(n, classCount)` row by row. */
  readonly logits: ArrayLike<number>;
  /** True classes, `(n,)`, in `[0, classCount)`. A class may have no samples. */
  readonly labels: ArrayLike<number>;
}

/**
 * Whether samples can be fitted.
 *
 * @returns `input.shape_mismatch`, `input.not_finite`
 */
export function checkOodSamples(samples: OodSamples): Outcome<OodSamples> {
  const { dimension, classCount, features, logits, labels } = samples;
  const count = labels.length;
  if (
    !(Number.isInteger(dimension) && dimension >= 1 && dimension <= featureCountMax) ||
    !(Number.isInteger(classCount) && classCount >= 1 && classCount <= classCountMax) ||
    count < 2 ||
    features.length !== count * dimension ||
    logits.length !== count * classCount
  ) {
    return refuse(
      "input.shape_mismatch",
      `${features.length} features, ${logits.length} class scores and ${count} labels for ${dimension} features a sample and ${classCount} classes; pass two samples or more, whole rows, at most ${featureCountMax} features and ${classCountMax} classes`,
    );
  }
  for (let sample = 0; sample < count; sample += 1) {
    const label = labels[sample] as number;
    if (!(Number.isInteger(label) && label >= 0 && label < classCount)) {
      return refuse(
        "input.shape_mismatch",
        `label of sample ${sample} is ${label}, it must be 0 to ${classCount - 1}`,
      );
    }
  }
  const rows = [
    ["feature", features, dimension],
    ["class score", logits, classCount],
  ] as const;
  for (const [name, values, width] of rows) {
    for (let index = 0; index < values.length; index += 1) {
      if (!Number.isFinite(values[index])) {
        return refuse(
          "input.not_finite",
          `${name} ${index % width} of sample ${Math.floor(index / width)} is ${values[index]}; leave out samples that are not finite`,
        );
      }
    }
  }
  return accept(samples);
}

/**
 * Asserts that a vector is all there.
 *
 * @throws {@link Defect} `ood.features_too_short`
 */
export function assertFeatures(
  features: ArrayLike<number>,
  featuresAt: number,
  dimension: number,
): void {
  if (features.length < featuresAt + dimension) {
    throw new Defect(
      "ood.features_too_short",
      `${features.length} features from ${featuresAt} on, the profile has ${dimension}`,
    );
  }
}

/**
 * Asserts that class scores are all there.
 *
 * @throws {@link Defect} `ood.logits_too_few`
 */
export function assertLogits(
  logits: ArrayLike<number> | undefined,
  logitsAt: number,
  classCount: number,
): asserts logits is ArrayLike<number> {
  if (logits === undefined || logits.length < logitsAt + classCount) {
    throw new Defect(
      "ood.logits_too_few",
      `${logits?.length ?? 0} class scores from ${logitsAt} on, the profile has ${classCount}`,
    );
  }
}
