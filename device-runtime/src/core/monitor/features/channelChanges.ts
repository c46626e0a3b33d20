// Known kinds of sensor fault, and how far a window lies towards each of them. It must not raise an alarm.
import type { FeatureLayout } from "./featureLayout.ts";
import type { FeatureReference } from "./featureReference.ts";

/** What can happen to channels: values are multiplied, shifted, or come from another axis of the same sensor. */
export interface ChannelChange {
  readonly kind: "gain" | "offset" | "swap";
  /** Series it happens to: one, or the two that are swapped. */
  readonly series: readonly number[];
}

/** Numbers that a person's directions may take, 512 KB of memory: a layout that needs more is watched by distances alone. */
const directionCellsMax = 2 ** 16;
/** The gain that is looked for. Others, and gains below 1, lie almost on the same line. */
const typicalGain = 1.5;
/** A change that moves a window by fewer standard deviations cannot be seen in that class and is not looked for there. */
const visibleMin = 1;

/** The changes to look for: a gain and an offset of each channel, each pair of axes swapped. None where there would be too many. */
export function channelChangesOf(
  layout: FeatureLayout,
  classCount: number,
): readonly ChannelChange[] {
  const { axes, logFeatures, series } = layout;
  const channels = series.flatMap(({ isChannel }, line) => (isChannel ? [line] : []));
  const shapes = series.map(({ features }) =>
    features.map((index) => (logFeatures.includes(index) ? "size" : "value")).join(),
  );
  const pairs = axes.flatMap((lines) =>
    lines.flatMap((first, at) => lines.slice(at + 1).map((second) => [first, second])),
  );
  const changes: readonly ChannelChange[] = [
    ...channels.map((line): ChannelChange => ({ kind: "gain", series: [line] })),
    ...channels
      .filter((line) => shapes[line]?.includes("value"))
      .map((line): ChannelChange => ({ kind: "offset", series: [line] })),
    ...pairs
      .filter(([first = 0, second = 0]) => shapes[first] === shapes[second])
      .map((lines): ChannelChange => ({ kind: "swap", series: lines })),
  ];
  const cells = changes.length * classCount * channelFeaturesOf(layout).length;
  return cells <= directionCellsMax ? changes : [];
}

/** The features of channels, sizes first, each ascending: what changes move. */
export function channelFeaturesOf({ logFeatures, series }: FeatureLayout): readonly number[] {
  const all = series.flatMap(({ features, isChannel }) => (isChannel ? features : []));
  const rank = (feature: number): number => (logFeatures.includes(feature) ? 0 : 1);
  return [...new Set(all)].sort((a, b) => rank(a) - rank(b) || a - b);
}

/** How far windows lie towards each change. One owner: scores are written into its buffer. */
export interface ChangeDirections {
  readonly changes: readonly ChannelChange[];
  /** Of the last measured window, `(changes,)`: signed, in standard deviations as the person's own past has them. */
  readonly scores: Float64Array;
  /** Takes in what is normal for the person in a class: rows of centres and inverse deviations of all features. */
  aim(label: number, centres: Float32Array, inverseDeviations: Float32Array): void;
  /** Writes {@link scores}, sizes being logarithms; the class must have been aimed at. Allocates nothing. */
  measure(values: Float64Array, label: number): void;
}

/**
 * Creates the directions of one person.
 *
 * - What a gain, an offset or a swap would make of this person's own normal window is known before it happens. A score is the
 *   projection onto that way, against what all other channels lead to expect: channels that grow together are a livelier
 *   person, one that grows alone is a gain. While nothing moves, the noise of the sensor is what grows.
 * - `measure` is O(changes · features).
 *
 * @see The matched filter, as in Kay 1998, "Fundamentals of statistical signal processing II", section 4.4: correlations of all
 *   people's deviations, standard deviations of the person's own.
 */
export function createChangeDirections(reference: FeatureReference): ChangeDirections {
  const { changeFactor, classCount, layout } = reference;
  const { featureCount, logFloor, series } = layout;
  const changes = channelChangesOf(layout, classCount);
  const features = Uint16Array.from(channelFeaturesOf(layout));
  const size = features.length;
  const isLog = new Set(layout.logFeatures);
  const sizeCount = features.reduce((count, feature) => count + (isLog.has(feature) ? 1 : 0), 0);
  const weights = new Float64Array(classCount * changes.length * size);
  const offsets = new Float64Array(classCount * changes.length);
  const scores = new Float64Array(changes.length);
  const hasSizes = series.map((one) => one.features.some((feature) => isLog.has(feature)));
  const moved = new Float64Array(featureCount);
  const solved = new Float64Array(size);
  const gathered = new Float64Array(size);

  /** Writes into `moved` where a change would take the centres that begin at `from`. */
  function move({ kind, series: lines }: ChannelChange, centres: Float32Array, from: number): void {
    moved.fill(0);
    const [own = [], other = []] = lines.map((line) => series[line]?.features ?? []);
    own.forEach((feature, place) => {
      const centre = centres[from + feature] as number;
      const second = other[place];
      if (second !== undefined) {
        moved[feature] = (centres[from + second] as number) - centre;
        moved[second] = centre - (centres[from + second] as number);
      } else if (!isLog.has(feature)) {
        moved[feature] = kind === "gain" ? (typicalGain - 1) * centre : 1;
      } else if (kind === "gain") {
        const grown = typicalGain * Math.max(0, Math.exp(centre) - logFloor);
        moved[feature] = Math.log(grown + logFloor) - centre;
      }
    });
  }

  /** Solves the correlations of the first `count` features for `solved` in place. Returns the length of the way, in standard deviations. */
  function solve(count: number): number {
    let square = 0;
    for (let row = 0, at = 0; row < count; row++, at++) {
      let rest = solved[row] as number;
      for (let column = 0; column < row; column++, at++) {
        rest -= (changeFactor[at] as number) * (solved[column] as number);
      }
      rest /= changeFactor[at] as number;
      solved[row] = rest;
      square += rest * rest;
    }
    for (let row = count - 1; row >= 0; row--) {
      const begin = (row * (row + 1)) / 2;
      const value = (solved[row] as number) / (changeFactor[begin + row] as number);
      solved[row] = value;
      for (let column = 0; column < row; column++) {
        solved[column] =
          (solved[column] as number) - (changeFactor[begin + column] as number) * value;
      }
    }
    return Math.sqrt(square);
  }

  return {
    changes,
    scores,
    aim(label, centres, inverseDeviations) {
      const from = label * featureCount;
      changes.forEach((change, index) => {
        move(change, centres, from);
        features.forEach((feature, i) => {
          solved[i] = (moved[feature] as number) * (inverseDeviations[from + feature] as number);
        });
        // A gain is looked for in sizes alone, where there are some: what values say of it is how the person sits.
        const isOfSizes =
          change.kind === "gain" && change.series.some((line) => hasSizes[line] === true);
        const count = isOfSizes ? sizeCount : size;
        solved.fill(0, count);
        const length = solve(count);
        const cell = label * changes.length + index;
        const row = weights.subarray(cell * size, (cell + 1) * size);
        features.forEach((feature, i) => {
          row[i] = ((solved[i] as number) * (inverseDeviations[from + feature] as number)) / length;
        });
        // An offset's size is not known, so it is looked for everywhere.
        const isVisible = change.kind === "offset" || length >= visibleMin;
        if (!isVisible || !row.every(Number.isFinite)) row.fill(0);
        offsets[cell] = row.reduce(
          (sum, weight, i) => sum + weight * (centres[from + (features[i] as number)] as number),
          0,
        );
      });
    },
    measure(values, label) {
      for (let i = 0; i < size; i++) gathered[i] = values[features[i] as number] as number;
      let cell = label * changes.length;
      let at = cell * size;
      for (let index = 0; index < scores.length; index++, cell++) {
        let sum = -(offsets[cell] as number);
        for (let i = 0; i < size; i++, at++) {
          sum += (weights[at] as number) * (gathered[i] as number);
        }
        scores[index] = sum;
      }
    },
  };
}
