// A linear discriminant on the features: what plays the deployed model in these benchmarks. It must not see the tested person.
import { type FeatureLayout, fitMahalanobis } from "@attune/device-runtime/monitor";
import { unwrap } from "@attune/protocol";

/** Features and true classes of somebody. */
export interface LabelledFeatures {
  /** `(n, featureCount)`. */
  readonly features: Float64Array;
  readonly labels: Uint8Array;
}

/** Predicts the class of each row. */
export type Classifier = (features: Float64Array) => Uint8Array;

/** Nearest class mean under the covariance that all classes share, sizes by their logarithm. */
export function fitLinearClassifier(
  people: readonly LabelledFeatures[],
  layout: FeatureLayout,
  classCount: number,
): Classifier {
  const { featureCount } = layout;
  const rowCount = people.reduce((sum, { labels }) => sum + labels.length, 0);
  const features = new Float64Array(rowCount * featureCount);
  const labels = new Uint8Array(rowCount);
  let row = 0;
  for (const person of people) {
    features.set(logged(person.features, layout), row * featureCount);
    labels.set(person.labels, row);
    row += person.labels.length;
  }
  const shrinkage = 0.02;
  const { means, factor } = unwrap(
    fitMahalanobis(features, labels, { dimension: featureCount, classCount, shrinkage }),
  );
  const whiten = (from: Float64Array, offset: number, to: Float64Array): void => {
    for (let i = 0, at = 0; i < featureCount; i++) {
      let sum = from[offset + i] as number;
      for (let k = 0; k < i; k++, at++) sum -= (factor[at] as number) * (to[k] as number);
      to[i] = sum / (factor[at++] as number);
    }
  };
  const centres = Array.from({ length: classCount }, (_, label) => {
    const centre = new Float64Array(featureCount);
    whiten(means, label * featureCount, centre);
    return centre;
  });
  const whitened = new Float64Array(featureCount);
  return (raw) => {
    const values = logged(raw, layout);
    return Uint8Array.from({ length: raw.length / featureCount }, (_, window) => {
      whiten(values, window * featureCount, whitened);
      let nearest = 0;
      let least = Number.POSITIVE_INFINITY;
      centres.forEach((centre, label) => {
        let square = 0;
        for (let i = 0; i < featureCount; i++) {
          square += ((whitened[i] as number) - (centre[i] as number)) ** 2;
        }
        if (square < least) {
          least = square;
          nearest = label;
        }
      });
      return nearest;
    });
  };
}

function logged(features: Float64Array, layout: FeatureLayout): Float64Array {
  const values = features.slice();
  for (let at = 0; at < values.length; at += layout.featureCount) {
    for (const index of layout.logFeatures) {
      values[at + index] = Math.log((values[at + index] as number) + layout.logFloor);
    }
  }
  return values;
}
