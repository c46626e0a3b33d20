// When a model had better not answer. It must not know how outliers are found.
import { Defect } from "@attune/protocol";

/** When to abstain, with what that costs and brings, measured on people whom the model was not trained on; plain data. */
export interface Abstention {
  /** An answer with less confidence is withheld; outliers always are. `[0, 1]`. */
  readonly confidenceMin: number;
  /** Share of normal windows that are answered, outliers taken out, `[0, 1]`. */
  readonly coverage: number;
  /** Share of wrong answers among those that are given, `[0, 1]`. */
  readonly errorRate: number;
  /** Share of wrong answers if all were given, `[0, 1]`. */
  readonly errorRateOfAll: number;
  /** Windows that it rests on. */
  readonly count: number;
}

/**
 * Chooses the least confidence that leaves a wanted share of windows answered.
 *
 * - Pure, O(n log n). All arrays are `(n,)`.
 *
 * Outliers are withheld first. When they alone are more than may be withheld, nothing else is, and the stated coverage says so.
 *
 * @param coverageWanted `(0, 1]`
 * @throws {@link Defect} `ood.level_invalid`, `ood.scores_missing`, `ood.scores_not_finite` for a confidence that is none
 * @see Geifman and El-Yaniv 2017, "Selective classification for deep neural networks", section 3. Deviation: the coverage is fixed and the
 *   risk measured, not the other way round.
 */
export function fitAbstention(
  answers: {
    readonly confidences: ArrayLike<number>;
    readonly wasCorrect: ArrayLike<boolean>;
    readonly isOutlier: ArrayLike<boolean>;
  },
  coverageWanted: number,
): Abstention {
  const { confidences, wasCorrect, isOutlier } = answers;
  const count = confidences.length;
  if (!(coverageWanted > 0 && coverageWanted <= 1)) {
    throw new Defect("ood.level_invalid", `coverage is ${coverageWanted}, must be in (0, 1]`);
  }
  if (count === 0) throw new Defect("ood.scores_missing", "no answers to choose a confidence on");
  for (let index = 0; index < count; index += 1) {
    const confidence = confidences[index] as number;
    if (confidence >= 0 && confidence <= 1) continue;
    throw new Defect(
      "ood.scores_not_finite",
      `confidence ${index} is ${confidence}, must be in [0, 1]`,
    );
  }
  const inside = Array.from({ length: count }, (_, index) => index).filter(
    (index) => isOutlier[index] !== true,
  );
  const sorted = inside.map((index) => confidences[index] as number).sort((a, b) => b - a);
  // 0.9 has no exact binary form: 10 windows at 0.9 are 9 and not 10.
  const wanted = Math.ceil(count * coverageWanted - 1e-9);
  const confidenceMin = wanted > sorted.length ? 0 : (sorted[wanted - 1] as number);
  let answered = 0;
  let wrong = 0;
  let wrongOfAll = 0;
  for (let index = 0; index < count; index += 1) {
    const isWrong = wasCorrect[index] !== true;
    if (isWrong) wrongOfAll += 1;
    if (isOutlier[index] === true || (confidences[index] as number) < confidenceMin) continue;
    answered += 1;
    if (isWrong) wrong += 1;
  }
  return {
    confidenceMin,
    coverage: answered / count,
    errorRate: answered === 0 ? 0 : wrong / answered,
    errorRateOfAll: wrongOfAll / count,
    count,
  };
}
