// How right the fleet is over time, out of cumulative counters of its devices. Pure; it keeps no history itself.
import type { DeviceSummary } from "../../src/state.ts";

/** One span of the chart. */
export interface TrendBin {
  /** Start, by the hub's clock. */
  readonly atMs: number;
  readonly feedback: number;
  readonly correct: number;
  readonly predictions: number;
  readonly outliers: number;
}

/** Everything that is needed to go on. */
export interface FleetTrend {
  readonly binMs: number;
  /** Oldest first, at most {@link TREND_BINS_MAX}; the last one still grows. */
  readonly bins: readonly TrendBin[];
  /** Counters that were seen last, by device. */
  readonly seen: ReadonlyMap<string, Counters>;
}

type Counters = Pick<TrendBin, "feedback" | "correct" | "predictions" | "outliers">;

/** Spans that the chart keeps; when they are full two neighbours become one, so that nothing falls off the left. */
export const TREND_BINS_MAX = 240;
const FIRST_BIN_MS = 2000;

const counterNames = ["feedback", "correct", "predictions", "outliers"] as const;

export const emptyTrend: FleetTrend = { binMs: FIRST_BIN_MS, bins: [], seen: new Map() };

/**
 * Adds what the devices have counted since the last time. A device that is seen for the first time only sets its mark: what it
 * counted before belongs to no span of this chart.
 */
export function addToTrend(
  trend: FleetTrend,
  devices: readonly DeviceSummary[],
  nowMs: number,
): FleetTrend {
  const seen = new Map(trend.seen);
  const gained: Record<keyof Counters, number> = {
    feedback: 0,
    correct: 0,
    predictions: 0,
    outliers: 0,
  };
  for (const { device, counts } of devices) {
    if (counts === null) continue;
    const before = seen.get(device);
    seen.set(device, counts);
    if (before === undefined) continue;
    for (const name of counterNames) gained[name] += Math.max(0, counts[name] - before[name]);
  }
  const isQuiet = counterNames.every((name) => gained[name] === 0);
  if (isQuiet) return { ...trend, seen };
  const atMs = Math.floor(nowMs / trend.binMs) * trend.binMs;
  const last = trend.bins.at(-1);
  // A clock that went back must not make the chart go back.
  const bins =
    last !== undefined && atMs <= last.atMs
      ? [...trend.bins.slice(0, -1), sumOf(last, { atMs: last.atMs, ...gained })]
      : [...trend.bins, { atMs, ...gained }];
  return bins.length > TREND_BINS_MAX
    ? { binMs: trend.binMs * 2, bins: halved(bins, trend.binMs * 2), seen }
    : { binMs: trend.binMs, bins, seen };
}

const sumOf = (a: TrendBin, b: TrendBin): TrendBin => ({
  atMs: a.atMs,
  feedback: a.feedback + b.feedback,
  correct: a.correct + b.correct,
  predictions: a.predictions + b.predictions,
  outliers: a.outliers + b.outliers,
});

const halved = (bins: readonly TrendBin[], binMs: number): readonly TrendBin[] => {
  const merged: TrendBin[] = [];
  for (const bin of bins) {
    const atMs = Math.floor(bin.atMs / binMs) * binMs;
    const last = merged.at(-1);
    if (last?.atMs === atMs) merged[merged.length - 1] = sumOf(last, bin);
    else merged.push({ ...bin, atMs });
  }
  return merged;
};

/**
 * A share per span, taken over as many spans back as it needs to rest on `countMin`; `null` until there are so many.
 *
 * @param part what is counted
 * @param whole what it is a part of
 * @param countMin of the whole, below which the share is noise: at 120 its standard error is 4 points, at 500 it is 2
 */
export function shareOf(
  bins: readonly TrendBin[],
  part: keyof Counters,
  whole: keyof Counters,
  countMin: number,
): readonly (number | null)[] {
  return bins.map((_, end) => {
    let count = 0;
    let hits = 0;
    for (let at = end; at >= 0 && count < countMin; at -= 1) {
      count += bins[at]?.[whole] ?? 0;
      hits += bins[at]?.[part] ?? 0;
    }
    return count < countMin ? null : hits / count;
  });
}
