// What a person does when: bouts of activities, one after the other. It must not know any signal.

import { type ForkableRandom, uniform } from "@attune/device-runtime";
import { type Activity, activities } from "./activity.ts";
import { HOP_MS } from "./inertialWindow.ts";

/** One activity, kept up for a while. Bouts start and end on hops of 1280 ms, so that windows are in one bout or in two, never in between. */
export interface Bout {
  /** 0 for a person's first one. */
  readonly index: number;
  readonly activity: Activity;
  /** Its first hop; hop `h` begins at `h * 1280` ms. */
  readonly firstHop: number;
  /** How many hops it lasts. */
  readonly hopCount: number;
}

/** What may follow what, as shares of a row: nobody lies down from the stairs. Rows and columns in the order of `activities`. */
const successors: readonly (readonly number[])[] = [
  [0, 0.25, 0.25, 0.25, 0.25, 0],
  [0.45, 0, 0.3, 0, 0.25, 0],
  [0.45, 0.3, 0, 0, 0.25, 0],
  [0.35, 0, 0, 0, 0.25, 0.4],
  [0.25, 0.2, 0.2, 0.35, 0, 0],
  [0, 0, 0, 0.4, 0.6, 0],
];

/** Median minutes of a bout. */
const medianMinutes: Readonly<Record<Activity, number>> = {
  walking: 1.5,
  upstairs: 1,
  downstairs: 1,
  sitting: 1.5,
  standing: 1.25,
  lying: 2,
};

/** Habits: how much more or less often than others this person begins each activity; median 1 each. */
export type Habits = readonly number[];

/**
 * The bouts of a life, without end, from hop 0 on.
 *
 * - A Markov chain over activities; a bout lasts half to twice its median. Bout `i` depends on the random's seed and the bouts before it only.
 *
 * @param random its forks are used, it is not drawn from
 */
export function* boutsOf(random: ForkableRandom, habits: Habits): Generator<Bout, void> {
  let label = pick(random.fork("first"), habits);
  let firstHop = 0;
  for (let index = 0; ; index++) {
    const draws = random.fork(String(index));
    const activity = activities[label] as Activity;
    const minutes = medianMinutes[activity] * 2 ** (2 * uniform(draws) - 1);
    const hopCount = Math.round((minutes * 60_000) / HOP_MS);
    yield { index, activity, firstHop, hopCount };
    firstHop += hopCount;
    const row = successors[label] as readonly number[];
    label = pick(
      draws,
      row.map((share, next) => share * (habits[next] as number)),
    );
  }
}

function pick(random: ForkableRandom, weights: readonly number[]): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let left = uniform(random) * total;
  for (let index = 0; index < weights.length; index++) {
    left -= weights[index] as number;
    if (left < 0) return index;
  }
  // Rounding can leave a crumb: the last one that may follow.
  return weights.findLastIndex((weight) => weight > 0);
}
