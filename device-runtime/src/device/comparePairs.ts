// Two versions, or two sets of parameters, asked the same questions. It must not judge the counts.

import type { ParameterSet } from "@attune/protocol";
import { answerInBatches } from "../package/evaluator.ts";
import { largestIndex } from "../package/softmax.ts";
import type { LoadedVersion } from "../ports/inference.ts";
import type { LabelledWindow } from "./userSession.ts";

/** Who answers. */
export interface Contestant {
  readonly loaded: LoadedVersion;
  /** Null for the version's own. */
  readonly parameters: ParameterSet | null;
}

/** Whether each window is answered right. */
export async function correctness(
  { loaded, parameters }: Contestant,
  samples: readonly LabelledWindow[],
): Promise<readonly boolean[]> {
  const length = samples[0]?.x.length ?? 0;
  const windows = new Float32Array(samples.length * length);
  samples.forEach(({ x }, index) => windows.set(x, index * length));
  if (samples.length === 0) return [];
  const { logits } = await answerInBatches(loaded, windows, parameters);
  const classCount = logits.length / samples.length;
  return samples.map(({ label }, index) => {
    const from = index * classCount;
    // NaN is larger than nothing, so that broken parameters would otherwise answer the first class.
    return Number.isFinite(logits[from]) && largestIndex(logits, from, classCount) === label;
  });
}

/** Which of two was right, window by window. */
export async function comparePairs(
  challenger: Contestant,
  champion: Contestant,
  samples: readonly LabelledWindow[],
): Promise<readonly { readonly challengerCorrect: boolean; readonly championCorrect: boolean }[]> {
  const challengerCorrect = await correctness(challenger, samples);
  const championCorrect = await correctness(champion, samples);
  return samples.map((_, index) => ({
    challengerCorrect: challengerCorrect[index] === true,
    championCorrect: championCorrect[index] === true,
  }));
}
