// The out-of-distribution score of a window, as a package says: one code for packages, gates and devices. It must not decide what follows.
import { createOodScorer } from "../core/ood/oodProfile.ts";
import type { Calibration } from "./calibration.ts";
import { createOodInput } from "./oodInput.ts";
import type { Preprocessing } from "./preprocessing.ts";

/** Scores windows. One owner: it works in buffers of its own. */
export interface OodJudge {
  /** Whether the score depends on class scores; else any may be passed. */
  readonly readsLogits: boolean;
  /** Whose windows it scores. */
  readonly preprocessing: Preprocessing;
  /** Statistics of the window scored last, where it looks at those that are watched: who watches them need not compute them again. */
  readonly statistics: Float64Array | null;
  /**
   * The score of one window; higher is more unusual. Allocates nothing.
   *
   * @param windows raw units; the window begins at `windowAt`
   * @param features of the shared model; they begin at `featuresAt`
   * @param logits of the shared model; they begin at `logitsAt`
   */
  score(
    windows: Float32Array,
    windowAt: number,
    features: Float32Array,
    featuresAt: number,
    logits: Float32Array,
    logitsAt: number,
  ): number;
}

/** Creates the judge of a package. */
export function createOodJudge(
  { ood }: Pick<Calibration, "ood">,
  preprocessing: Preprocessing,
  featureCount: number,
): OodJudge {
  const input = createOodInput(ood.input, preprocessing, featureCount);
  const scorer = createOodScorer(ood.profile);
  const seen = new Float32Array(input.length);
  return {
    readsLogits: scorer.classCount > 0,
    preprocessing,
    statistics: input.statistics,
    score(windows, windowAt, features, featuresAt, logits, logitsAt) {
      input.fill(windows, windowAt, features, featuresAt, seen, 0);
      return scorer.score(seen, 0, logits, logitsAt);
    },
  };
}
