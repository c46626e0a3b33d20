// Deals a population: who wears it where, and what happens to whom and when. It must not know any signal.
import { intBelow, shuffle, uniform } from "@attune/device-runtime";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { assertDefect } from "@attune/protocol";
import type { ChangeKind, PersonChange } from "./change.ts";
import { createPerson, type Person } from "./person.ts";
import { type WearingPosition, wearingPositions } from "./wearing.ts";

/** What a population consists of. Shares are relative: they need not add up to 1. */
export interface PopulationOptions {
  readonly seed: number | string;
  /** How many people, at least 1. */
  readonly count: number;
  /** How common each position is. */
  readonly positions: Readonly<Record<WearingPosition, number>>;
  /** Nobody changes without it. */
  readonly changes?: {
    /** Share of people to whom something happens, `[0, 1]`. */
    readonly share: number;
    /** What may happen; each kind to as many people as any other. */
    readonly kinds: readonly ChangeKind[];
    /** It begins for each at a moment of their own between these, ms of virtual time. */
    readonly betweenMs: readonly [number, number];
  };
}

/** Severity of a dealt change: clearly felt, never the same. */
const SEVERITY_MIN = 0.8;

/**
 * Creates a population.
 *
 * - Deterministic. Positions and changes are dealt in exact numbers (largest remainders), not drawn: with thirty people a drawn share of a
 *   tenth is often none.
 * - Ids are `person-01`, `person-02` and so on.
 *
 * @throws {@link Defect} `population.options_invalid` when the count is not a whole number from 1, or no position has a share
 */
export function createPopulation(options: PopulationOptions): readonly Person[] {
  const { seed, count, changes } = options;
  const total = wearingPositions.reduce((sum, one) => sum + options.positions[one], 0);
  assertDefect(
    Number.isInteger(count) && count >= 1 && total > 0,
    "population.options_invalid",
    `${count} people with shares that add up to ${total}; at least one person and one position`,
  );
  const random = createSeededRandom(seed).fork("population");
  const positions = dealt(
    count,
    wearingPositions.map((position) => ({ value: position, share: options.positions[position] })),
  );
  shuffle(random.fork("positions"), positions);

  const courses: (readonly PersonChange[])[] = positions.map(() => []);
  if (changes !== undefined && changes.kinds.length > 0) {
    const draws = random.fork("changes");
    const changedCount = Math.round(changes.share * count);
    const people = Uint32Array.from({ length: count }, (_, index) => index);
    shuffle(draws, people);
    const firstKind = intBelow(draws, changes.kinds.length);
    people.subarray(0, changedCount).forEach((person, index) => {
      const kind = changes.kinds[(firstKind + index) % changes.kinds.length] as ChangeKind;
      const [from, to] = changes.betweenMs;
      courses[person] = [
        {
          kind,
          fromMs: Math.round(from + uniform(draws) * (to - from)),
          riseMs: 0,
          severity: SEVERITY_MIN + uniform(draws) * (1 - SEVERITY_MIN),
        },
      ];
    });
  }

  const digits = Math.max(2, String(count).length);
  return positions.map((position, index) =>
    createPerson({
      seed,
      id: `person-${String(index + 1).padStart(digits, "0")}`,
      position,
      changes: courses[index] ?? [],
    }),
  );
}

/** As many of each value as its share of `count` says; what rounding leaves over goes to the largest remainders. */
function dealt<T>(count: number, shares: readonly { value: T; share: number }[]): T[] {
  const total = shares.reduce((sum, { share }) => sum + share, 0);
  const quotas = shares.map(({ value, share }) => ({
    value,
    whole: Math.floor((share / total) * count),
    rest: ((share / total) * count) % 1,
  }));
  let left = count - quotas.reduce((sum, { whole }) => sum + whole, 0);
  for (const quota of [...quotas].sort((a, b) => b.rest - a.rest)) {
    if (left === 0) break;
    quota.whole += 1;
    left -= 1;
  }
  return quotas.flatMap(({ value, whole }) => Array.from({ length: whole }, () => value));
}
