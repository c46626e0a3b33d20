// What every out-of-distribution score looks like to whoever asks for it. Types only.

/** Scores samples against one profile. One owner: it works in buffers of its own. */
export interface OodScorer {
  /** Length of a feature vector; 0 when only scores of classes are read. */
  readonly dimension: number;
  /** Number of class scores; 0 when only features are read. */
  readonly classCount: number;
  /**
   * The score of one sample.
   *
   * - Shape: `features` is `(dimension,)`, or a longer array in which the vector begins at `featuresAt`; `logits` is `(classCount,)`
   *   likewise, and may be left out where the score does not read it.
   * - Range: the score's own; **higher means more out-of-distribution**. NaN when what it reads has a NaN; `Infinity` where a distance
   *   is too large for a number, or what it reads is infinite. Both are outliers: see `isAboveThreshold`.
   * - Allocates nothing.
   *
   * @throws {@link Defect} `ood.features_too_short`, `ood.logits_too_few`.
   */
  score(
    features: ArrayLike<number>,
    featuresAt?: number,
    logits?: ArrayLike<number>,
    logitsAt?: number,
  ): number;
}
