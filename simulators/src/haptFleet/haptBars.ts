// What the experiment has to show, as numbers that hold or do not. It must not run anything.
import { peopleAccuracy } from "../hapt/accuracy.ts";
import type { PersonRow } from "./personRows.ts";
import type { SeedResult } from "./runSeed.ts";

/** A promise in numbers: `value op limit`. */
export interface HaptBar {
  readonly name: string;
  readonly value: number;
  readonly op: ">=" | "<=";
  readonly limit: number;
  /** `null`: shown and not judged. */
  readonly holds: boolean | null;
  /** Why it is not judged; null when it is. */
  readonly unjudged: string | null;
}

/** Means are promised over so many seeds: one seed's nine people are too few to judge by. */
const JUDGED_SEEDS_MIN = 5;

/** Mean and worst person of every contestant, in one seed. */
export interface SeedMeans {
  readonly seed: number;
  readonly floor: Figures;
  readonly shared: Figures;
  readonly naive: Figures;
  readonly guarded: Figures;
  readonly fleet: Figures;
  readonly never: Figures;
  readonly naiveOnArrival: Figures;
  readonly guardedOnArrival: Figures;
}

/** Over people. */
export interface Figures {
  readonly mean: number;
  readonly worst: number;
}

/** The shared model is better than the linear floor by so much. */
const FLOOR_MARGIN = 0.02;
/** The guard keeps at least this share of what naive fine-tuning gains. */
const KEPT_SHARE = 0.5;
/** On the wire: int8 with a scale for each tensor, and what signs and names it. */
const BYTES_PER_PARAMETER = 1.1;
const ENVELOPE_BYTES = 600;

/** Mean and worst person of every contestant. */
export function meansOf({ seed, rows }: Pick<SeedResult, "seed" | "rows">): SeedMeans {
  const over = (pick: (row: PersonRow) => number): Figures =>
    peopleAccuracy(rows.map((row) => ({ accuracy: pick(row) })));
  return {
    seed,
    floor: over(({ floor }) => floor),
    shared: over(({ shared }) => shared),
    naive: over(({ naive }) => naive.afterwards),
    guarded: over(({ guarded }) => guarded.afterwards),
    fleet: over(({ fleet }) => fleet.afterwards),
    never: over(({ never }) => never.afterwards),
    naiveOnArrival: over(({ naive }) => naive.onArrival),
    guardedOnArrival: over(({ guarded }) => guarded.onArrival),
  };
}

/** Mean over seeds and spread between them (standard deviation, `n - 1`; 0 for one seed). */
export function meanAndSpread(values: readonly number[]): { mean: number; spread: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, spread: values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1)) };
}

/** Judges all seeds together. */
export function haptBars(seeds: readonly SeedResult[]): readonly HaptBar[] {
  const means = seeds.map(meansOf);
  const average = (pick: (one: SeedMeans) => Figures): number =>
    meanAndSpread(means.map((one) => pick(one).mean)).mean;
  const shared = average((one) => one.shared);
  const naiveGain = average((one) => one.naive) - shared;
  const guardedGain = average((one) => one.guarded) - shared;
  const rows = seeds.flatMap((seed) => seed.rows);
  const worse = (pick: (row: PersonRow) => PersonRow["guarded"]): number =>
    rows.filter((row) => pick(row).interval.high < 0).length;
  const wire = seeds.flatMap(({ rows: people, trainedParameters }) =>
    people.flatMap(({ contributions }) =>
      contributions.map(({ bytes }) => (bytes - ENVELOPE_BYTES) / trainedParameters),
    ),
  );
  const whenSeedsSuffice = (one: HaptBar): HaptBar =>
    seeds.length < JUDGED_SEEDS_MIN ? shown(one, `needs ${JUDGED_SEEDS_MIN} seeds`) : one;
  return [
    whenSeedsSuffice(
      bar(
        "shared model above the linear floor",
        shared - average((one) => one.floor),
        ">=",
        FLOOR_MARGIN,
      ),
    ),
    whenSeedsSuffice(
      bar(
        naiveGain > 0
          ? `guarded gain, of naive's ${naiveGain.toFixed(4)} at least half`
          : `guarded gain, where naive has none (${naiveGain.toFixed(4)})`,
        guardedGain,
        ">=",
        naiveGain > 0 ? KEPT_SHARE * naiveGain : naiveGain,
      ),
    ),
    whenSeedsSuffice(
      bar(
        "people for whom the guard adopted",
        rows.filter(({ adopted }) => adopted > 0).length,
        ">=",
        1,
      ),
    ),
    bar(
      "people worse under the guard, beyond their interval",
      worse((row) => row.guarded),
      "<=",
      0,
    ),
    wire.length === 0
      ? whenSeedsSuffice(bar("contributions whose bytes could be measured", 0, ">=", 1))
      : bar(
          `wire bytes per trained parameter, less an envelope of ${ENVELOPE_BYTES}`,
          Math.max(...wire),
          "<=",
          BYTES_PER_PARAMETER,
        ),
  ];
}

function shown(one: HaptBar, unjudged: string): HaptBar {
  return { ...one, holds: null, unjudged };
}

function bar(name: string, value: number, op: HaptBar["op"], limit: number): HaptBar {
  const holds = op === ">=" ? value >= limit : value <= limit;
  return { name, value, op, limit, holds, unjudged: null };
}
