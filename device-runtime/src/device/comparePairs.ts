// Two versions, or two sets of parameters, asked the same questions. It must not judge the counts.

import type { ParameterSet } from "@attune/protocol";
import type { ScoredAnswer } from "../core/learn/localGuard.ts";
import { answerInBatches } from "../package/evaluator.ts";
import { largestIndex, softmaxInto } from "../package/softmax.ts";
import type { LoadedVersion } from "../ports/inference.ts";
import type { LabelledWindow } from "./userSession.ts";

/** Who answers. */
export interface Contestant {
  readonly loaded: LoadedVersion;
  /** Null for the version's own. */
  readonly parameters: ParameterSet | null;
}

/** What somebody makes of labelled windows. */
export async function scoreAnswers(
  { loaded, parameters }: Contestant,
  samples: readonly LabelledWindow[],
): Promise<readonly ScoredAnswer[]> {
  const length = samples[0]?.x.length ?? 0;
  const windows = new Float32Array(samples.length * length);
  samples.forEach(({ x }, index) => windows.set(x, index * length));
  if (samples.length === 0) return [];
  const { logits } = await answerInBatches(loaded, windows, parameters);
  const classCount = logits.length / samples.length;
  const { temperature } = loaded.modelPackage.calibration;
  const probabilities = new Float32Array(classCount);
  return samples.map(({ label }, index) => {
    const from = index * classCount;
    // NaN is larger than nothing, so that broken parameters would otherwise answer the first class.
    if (!logits.subarray(from, from + classCount).every(Number.isFinite)) {
      return { isRight: false, truthProbability: 0 };
    }
    softmaxInto(logits, from, classCount, temperature, probabilities, 0);
    return {
      isRight: largestIndex(logits, from, classCount) === label,
      truthProbability: probabilities[label] as number,
    };
  });
}

/** Which of two was right, window by window. */
export async function comparePairs(
  challenger: Contestant,
  champion: Contestant,
  samples: readonly LabelledWindow[],
): Promise<readonly { readonly challengerCorrect: boolean; readonly championCorrect: boolean }[]> {
  const challengerAnswers = await scoreAnswers(challenger, samples);
  const championAnswers = await scoreAnswers(champion, samples);
  return samples.map((_, index) => ({
    challengerCorrect: challengerAnswers[index]?.isRight === true,
    championCorrect: championAnswers[index]?.isRight === true,
  }));
}
