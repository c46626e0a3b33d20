// What one person's data looks like: moments and histogram of each feature, and how often each class was predicted. It holds no
// sample, and it must not compare itself with another one.
import { accept, Defect, type Outcome, refuse } from "@attune/protocol";
import { binCountMax, binOf } from "./binEdges.ts";
import { isCountable, type Moments, mergeMoments, noMoments } from "./moments.ts";
import { createProfileCounter, type ProfileCounts, type ProfileLayout } from "./profileCounter.ts";

/** One feature of a profile. */
export interface FeatureProfile {
  readonly moments: Moments;
  /** Values in each bin, one more than the feature has edges. */
  readonly binCounts: readonly number[];
  /** Values that were not taken in: NaN, infinite, or beyond `1e100`. */
  readonly missingCount: number;
}

/** A profile: aggregates only, plain data of bounded size, for CBOR. */
export interface Profile {
  readonly version: 1;
  readonly layout: ProfileLayout;
  /** Windows that were taken in. */
  readonly windowCount: number;
  readonly features: readonly FeatureProfile[];
  /** How often each class was predicted, `(classCount,)`. */
  readonly classCounts: readonly number[];
}

/** Takes in windows. One owner. */
export interface ProfileBuilder {
  /**
   * Takes in the features of one window and its predicted class; a class that is not one is not counted. O(features · log bins),
   * allocates nothing.
   */
  observe(features: ArrayLike<number>, predictedClass: number): void;
  /** A copy of what was taken in so far. */
  profile(): Profile;
}

const profileFeatureMax = 1024;
const profileClassMax = 4096;
/** Counts beyond it are no longer whole in double precision. */
const countMax = Number.MAX_SAFE_INTEGER;

/**
 * Starts a profile, or goes on from one.
 *
 * @throws {@link Defect} `profile.layout_invalid` for a layout or a profile that `checkProfile` refuses.
 * @example
 * const builder = createProfile({ edges: [[0, 1]], classCount: 2 });
 * for (const value of [-1, 0, 0.5, 3, Number.NaN]) builder.observe([value], 1);
 * builder.profile().features[0]?.binCounts; // => [1, 2, 1]
 * builder.profile().features[0]?.missingCount; // => 1
 * builder.profile().classCounts; // => [0, 5]
 */
export function createProfile(layout: ProfileLayout, from?: Profile): ProfileBuilder {
  const checked = checkProfile(from ?? emptyProfile(layout));
  if (!checked.ok) throw new Defect("profile.layout_invalid", checked.refusal.message);
  if (from !== undefined && !isSameLayout(from.layout, layout)) {
    throw new Defect("profile.layout_invalid", "the profile has other bins or classes");
  }
  const counter = createProfileCounter(layout, countsOf(checked.value));
  return {
    observe: (values, predictedClass) => counter.observe(values, predictedClass),
    profile: () => profileOf(layout, counter.counts()),
  };
}

/** A copy of what was counted, as a profile. */
export function profileOf(layout: ProfileLayout, counts: ProfileCounts): Profile {
  const { windowCount, bins, missing, means, squares, least, largest, classes } = counts;
  let begin = 0;
  return {
    version: 1,
    layout,
    windowCount,
    features: layout.edges.map((edges, index) => {
      const own = Array.prototype.slice.call(bins, begin, begin + edges.length + 1) as number[];
      begin += own.length;
      const missingCount = missing[index] as number;
      return {
        moments: {
          count: windowCount - missingCount,
          mean: means[index] as number,
          squares: squares[index] as number,
          least: least[index] as number,
          largest: largest[index] as number,
        },
        binCounts: own,
        missingCount,
      };
    }),
    classCounts: Array.from(classes),
  };
}

function countsOf({ windowCount, features, classCounts }: Profile): ProfileCounts {
  return {
    version: 1,
    windowCount,
    bins: features.flatMap(({ binCounts }) => binCounts),
    missing: features.map(({ missingCount }) => missingCount),
    means: features.map(({ moments }) => moments.mean),
    squares: features.map(({ moments }) => moments.squares),
    least: features.map(({ moments }) => moments.least),
    largest: features.map(({ moments }) => moments.largest),
    classes: classCounts,
  };
}

/** A profile of nothing. */
export function emptyProfile(layout: ProfileLayout): Profile {
  return {
    version: 1,
    layout,
    windowCount: 0,
    features: layout.edges.map((edges) => ({
      moments: noMoments,
      binCounts: Array.from({ length: edges.length + 1 }, () => 0),
      missingCount: 0,
    })),
    classCounts: Array.from({ length: layout.classCount }, () => 0),
  };
}

/**
 * The profile of two streams together.
 *
 * - Commutative; counts are exact whatever the order, means and squares up to rounding. Pure, O(size).
 *
 * @returns the profile, or `input.shape_mismatch` when the bins or classes differ, or counts would be too large to be whole.
 */
export function mergeProfiles(a: Profile, b: Profile): Outcome<Profile> {
  if (!isSameLayout(a.layout, b.layout)) {
    return refuse(
      "input.shape_mismatch",
      "profiles have other bins or classes; make both with the layout of one reference",
    );
  }
  if (a.windowCount + b.windowCount > countMax) {
    return refuse(
      "input.shape_mismatch",
      `profiles of ${a.windowCount} and ${b.windowCount} windows together count more than ${countMax}, beyond which counts are not whole; start a new one`,
    );
  }
  return accept({
    version: 1,
    layout: a.layout,
    windowCount: a.windowCount + b.windowCount,
    features: a.features.map((own, index) => {
      const other = b.features[index] as FeatureProfile;
      return {
        moments: mergeMoments(own.moments, other.moments),
        binCounts: own.binCounts.map((count, bin) => count + (other.binCounts[bin] as number)),
        missingCount: own.missingCount + other.missingCount,
      };
    }),
    classCounts: a.classCounts.map((count, label) => count + (b.classCounts[label] as number)),
  });
}

/** Whether two layouts have the same bins and classes, to the bit. */
export function isSameLayout(a: ProfileLayout, b: ProfileLayout): boolean {
  return (
    a.classCount === b.classCount &&
    a.edges.length === b.edges.length &&
    a.edges.every((edges, index) => {
      const others = b.edges[index] as readonly number[];
      return edges.length === others.length && edges.every((edge, at) => edge === others[at]);
    })
  );
}

/**
 * Checks a profile that came from outside: its shape, its bounds, and that its counts agree with each other.
 *
 * @returns the profile, `input.shape_mismatch` or `input.not_finite`.
 */
export function checkProfile(value: unknown): Outcome<Profile> {
  if (!isRecord(value) || value["version"] !== 1) {
    return refuse("input.shape_mismatch", "profile's version is not 1; update, or make it again");
  }
  const { layout, features, classCounts, windowCount } = value;
  if (!isRecord(layout) || !isLayout(layout) || !isCount(windowCount)) {
    return refuse(
      "input.shape_mismatch",
      `profile's layout is not one of at most ${profileFeatureMax} features with at most ${binCountMax} bins of ascending edges and 1 to ${profileClassMax} classes`,
    );
  }
  const { edges, classCount } = layout as unknown as ProfileLayout;
  if (!isCounts(classCounts, classCount) || sumOf(classCounts) > windowCount) {
    return refuse(
      "input.shape_mismatch",
      `profile's class counts are not ${classCount} counts of at most ${windowCount} windows`,
    );
  }
  if (!Array.isArray(features) || features.length !== edges.length) {
    return refuse("input.shape_mismatch", `profile has not ${edges.length} features`);
  }
  for (const [index, feature] of (features as readonly unknown[]).entries()) {
    if (!isFeature(feature, edges[index] as readonly number[], windowCount)) {
      return refuse(
        "input.shape_mismatch",
        `feature ${index} of the profile does not hold together: bins, moments and missing must count ${windowCount} windows`,
      );
    }
  }
  return accept(value as unknown as Profile);
}

function isLayout(layout: Readonly<Record<string, unknown>>): boolean {
  const { edges, classCount } = layout;
  return (
    isCount(classCount) &&
    classCount >= 1 &&
    classCount <= profileClassMax &&
    Array.isArray(edges) &&
    edges.length <= profileFeatureMax &&
    edges.every(isAscending)
  );
}

function isAscending(edges: unknown): boolean {
  return (
    Array.isArray(edges) &&
    edges.length < binCountMax &&
    edges.every(
      (edge: unknown, index) =>
        typeof edge === "number" &&
        isCountable(edge) &&
        (index === 0 || edge > (edges[index - 1] as number)),
    )
  );
}

function isFeature(feature: unknown, edges: readonly number[], windowCount: number): boolean {
  if (!isRecord(feature) || !isRecord(feature["moments"])) return false;
  const { binCounts, missingCount, moments } = feature;
  if (!isCounts(binCounts, edges.length + 1) || !isCount(missingCount)) return false;
  const { count, mean, squares, least, largest } = moments;
  if (!isCount(count) || count !== sumOf(binCounts) || count + missingCount !== windowCount) {
    return false;
  }
  if (
    typeof mean !== "number" ||
    typeof squares !== "number" ||
    typeof least !== "number" ||
    typeof largest !== "number"
  ) {
    return false;
  }
  if (count === 0) {
    return (
      mean === 0 &&
      squares === 0 &&
      least === Number.POSITIVE_INFINITY &&
      largest === Number.NEGATIVE_INFINITY
    );
  }
  return (
    isCountable(mean) &&
    squares >= 0 &&
    squares < Number.POSITIVE_INFINITY &&
    isCountable(least) &&
    isCountable(largest) &&
    least <= mean &&
    mean <= largest &&
    // The outermost values are in the outermost bins that count any.
    binOf(edges, least) === binCounts.findIndex((inBin) => inBin > 0) &&
    binOf(edges, largest) === binCounts.findLastIndex((inBin) => inBin > 0)
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= countMax;
}

function isCounts(value: unknown, length: number): value is readonly number[] {
  return Array.isArray(value) && value.length === length && value.every(isCount);
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
