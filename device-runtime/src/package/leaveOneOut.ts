// Which classes nobody could tell from each other if one of them were unknown. It runs where a package is made, not on devices.
import { accept, type Outcome } from "@attune/protocol";
import { auroc } from "../core/ood/auroc.ts";
import {
  createOodScorer,
  fitOodProfile,
  type OodKind,
  type OodMethod,
  oodMethods,
} from "../core/ood/oodProfile.ts";
import type { OodSamples } from "../core/ood/oodSamples.ts";
import type { ForkableRandom } from "../ports/random.ts";
import { LEAVE_OUT_PAIRS_MAX } from "./limits.ts";
import { largestIndex } from "./softmax.ts";

/** One class left out, and one that its windows were answered as; plain data. */
export interface LeftOutPair {
  /** The class that was treated as unknown. */
  readonly leftOut: number;
  /** What its windows were answered as. */
  readonly answered: number;
  /**
   * Of the package's score: windows of the class that was left out against those that are `answered`, all of them answered alike, or against all known
   * windows, whichever is less.
   */
  readonly auroc: number;
  /** The score that tells them apart best of all. */
  readonly best: OodKind;
  readonly bestAuroc: number;
  readonly leftOutCount: number;
  readonly answeredCount: number;
}

/** What became of leaving each class out; plain data. */
export interface LeaveOneOut {
  /** Pairs with enough windows, hardest first. */
  readonly pairs: readonly LeftOutPair[];
  /** The features had seen the class that was left out: what looks separable may not be. */
  readonly isOptimistic: boolean;
}

/** What a model sees, or sees of one class less. */
export interface LeaveOneOutViews {
  /** Known windows; labels of all classes. */
  readonly fit: OodSamples;
  /** Windows of other people. */
  readonly check: OodSamples;
  /**
   * What had seen the class that is left out. When class scores had, scores that read them are left aside; when everything had, the report is
   * optimistic.
   */
  readonly seen: "nothing" | "scores" | "everything";
}

/** Below it a score does not tell a class from another. */
export const SEPARABLE_AUROC_MIN = 0.8;

/** Windows of each side that an area is taken of, at least. */
const WINDOWS_MIN = 10;
/** Windows that are fitted and checked in one view, at most: evenly spaced ones of more. */
const WINDOWS_MAX = 2000;
/** Classes that are left out, at most: a fit each. */
const CLASSES_MAX = 32;

/** Scores that read class scores. */
export const readsLogits: ReadonlySet<OodKind> = new Set([
  "vim",
  "energy",
  "maximumSoftmax",
  "maxLogit",
]);

/**
 * Leaves out one class after the other, as if it were unknown, and tries the package's score and every other one on the windows of it.
 *
 * @param method the package's score
 * @param viewsWithout what is seen when a class is left out
 * @returns a refusal of `viewsWithout`
 */
export async function leaveOneOut(
  classCount: number,
  method: OodMethod,
  viewsWithout: (leftOut: number) => Promise<Outcome<LeaveOneOutViews>>,
  random: ForkableRandom,
): Promise<Outcome<LeaveOneOut>> {
  const pairs: LeftOutPair[] = [];
  let isOptimistic = false;
  // Of two classes one would have to be told from the other by what it lacks.
  const leftOutCount = classCount > 2 ? Math.min(classCount, CLASSES_MAX) : 0;
  for (let leftOut = 0; leftOut < leftOutCount; leftOut += 1) {
    const views = await viewsWithout(leftOut);
    if (!views.ok) return views;
    if (views.value.seen === "everything") isOptimistic = true;
    pairs.push(...judge(leftOut, method, views.value, random.fork(`${leftOut}`)));
  }
  pairs.sort((a, b) => a.auroc - b.auroc);
  return accept({ pairs: pairs.slice(0, LEAVE_OUT_PAIRS_MAX), isOptimistic });
}

/**
 * Classes that an answer cannot be told from: a window that was answered `label` may as well be of one of these if it were unknown to the model.
 * It goes by the package's own score, so that it names every pair that no score separates, and those that another one would.
 *
 * @returns class indices, rising
 */
export function inseparableFrom({ pairs }: LeaveOneOut, label: number): readonly number[] {
  return pairs
    .filter(({ answered, auroc: area }) => answered === label && area < SEPARABLE_AUROC_MIN)
    .map(({ leftOut }) => leftOut)
    .sort((a, b) => a - b);
}

function judge(
  leftOut: number,
  own: OodMethod,
  { fit, check, seen: hasSeen }: LeaveOneOutViews,
  random: ForkableRandom,
): LeftOutPair[] {
  const { dimension, classCount } = fit;
  const known = without(thin(fit), leftOut, false);
  const seen = without(thin(check), leftOut, true);
  if (known.labels.length < 2) return [];
  const answers = Array.from({ length: seen.labels.length }, (_, index) =>
    largestIndex(seen.logits as Float32Array, index * (classCount - 1), classCount - 1),
  );
  const groups = Array.from({ length: classCount - 1 }, (_, answered) => ({
    answered,
    usual: indicesOf(answers, (answer, at) => answer === answered && seen.labels[at] === answered),
    strange: indicesOf(answers, (answer, at) => answer === answered && seen.labels[at] === -1),
  })).filter(({ usual, strange }) => usual.length >= WINDOWS_MIN && strange.length >= WINDOWS_MIN);
  if (groups.length === 0) return [];

  const usualWindows = indicesOf(Array.from(seen.labels), (label) => label >= 0);
  const others = oodMethods.filter(
    ({ kind }) => kind !== own.kind && !(hasSeen === "scores" && readsLogits.has(kind)),
  );
  const areas = [own, ...others].map((method) => {
    const profile = fitOodProfile(known, method, random);
    // Too few windows are left for this score: it tells nothing apart.
    if (!profile.ok) return { kind: method.kind, areas: groups.map(() => 0) };
    const scorer = createOodScorer(profile.value);
    const scoreOf = (index: number): number =>
      scorer.score(seen.features, index * dimension, seen.logits, index * (classCount - 1));
    // There is one threshold for all answers: what only stands out among windows that are answered alike is not found.
    const all = usualWindows.map(scoreOf);
    return {
      kind: method.kind,
      areas: groups.map(({ usual, strange }) => {
        const strangeScores = strange.map(scoreOf);
        return Math.min(auroc(usual.map(scoreOf), strangeScores), auroc(all, strangeScores));
      }),
    };
  });
  return groups.map(({ answered, usual, strange }, place) => {
    const ranked = areas
      .map(({ kind, areas: all }) => ({ kind, area: all[place] as number }))
      .sort((a, b) => b.area - a.area);
    const best = ranked[0] as { readonly kind: OodKind; readonly area: number };
    return {
      leftOut,
      answered: answered < leftOut ? answered : answered + 1,
      auroc: areas[0]?.areas[place] as number,
      best: best.kind,
      bestAuroc: best.area,
      leftOutCount: strange.length,
      answeredCount: usual.length,
    };
  });
}

function indicesOf(
  values: readonly number[],
  isWanted: (value: number, index: number) => boolean,
): number[] {
  return values.flatMap((value, index) => (isWanted(value, index) ? [index] : []));
}

/** Evenly spaced samples. */
function thin(samples: OodSamples): OodSamples {
  const { labels } = samples;
  const stride = Math.ceil(labels.length / WINDOWS_MAX);
  return stride <= 1 ? samples : keep(samples, (index) => index % stride === 0);
}

/** The samples as a model of one class less has them: its samples are gone or labelled -1, its class score is gone. */
function without(samples: OodSamples, leftOut: number, keepsItsSamples: boolean): OodSamples {
  const { classCount } = samples;
  const kept = keepsItsSamples
    ? samples
    : keep(samples, (index) => samples.labels[index] !== leftOut);
  const logits = new Float32Array(kept.labels.length * (classCount - 1));
  for (let at = 0, to = 0; at < kept.logits.length; at += 1) {
    if (at % classCount !== leftOut) logits[to++] = kept.logits[at] as number;
  }
  const labels = Int32Array.from(kept.labels, (label) =>
    label === leftOut ? -1 : label > leftOut ? label - 1 : label,
  );
  return { ...kept, classCount: classCount - 1, logits, labels };
}

function keep(samples: OodSamples, isKept: (index: number) => boolean): OodSamples {
  const { dimension, classCount, features, logits, labels } = samples;
  const indices = Array.from({ length: labels.length }, (_, index) => index).filter(isKept);
  const rows = (values: ArrayLike<number>, width: number): Float32Array => {
    const into = new Float32Array(indices.length * width);
    indices.forEach((index, row) => {
      for (let i = 0; i < width; i += 1)
        into[row * width + i] = values[index * width + i] as number;
    });
    return into;
  };
  return {
    ...samples,
    features: rows(features, dimension),
    logits: rows(logits, classCount),
    labels: Int32Array.from(indices, (index) => labels[index] as number),
  };
}
