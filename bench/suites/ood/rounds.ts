// Who trains, who calibrates and who is examined: always other people. It must not know any score.

import { shuffle } from "@attune/device-runtime";
import { createSeededRandom } from "@attune/device-runtime/testing";
import type { Hapt, HaptPerson } from "./haptPeople.ts";

/** One examination. */
export interface Round {
  readonly seed: string;
  /** The model and the profile are made of them. */
  readonly fit: readonly HaptPerson[];
  /** Thresholds and the population are made of them: four people. */
  readonly check: readonly HaptPerson[];
  readonly exam: readonly HaptPerson[];
}

/** One fold of a nested comparison. */
export interface NestedFold {
  /** Judges what was chosen, once. */
  readonly outer: Round;
  /** Everything is chosen on them: rounds among the people whom the outer round does not examine. */
  readonly inner: readonly Round[];
}

const checkCount = 4;
/** People examined at once when methods are chosen. */
const chosenOn = 3;
/** People of a fold, outer and inner: five folds of 30, four of the 24 that are left. */
const nestedOn = 6;

/**
 * The rounds of a comparison.
 *
 * @param people `test`: the data set's nine test people are examined, the other 21 are dealt anew for each seed. `others`: the 21 are examined
 *   three at a time by models of the rest, to choose methods on; the nine are never looked at.
 */
export function createRounds(
  { people, testSubjects }: Hapt,
  which: "test" | "others",
  seedCount: number,
): readonly Round[] {
  const isTest = ({ subject }: HaptPerson): boolean => testSubjects.includes(subject);
  const others = people.filter((person) => !isTest(person));
  const seeds = Array.from({ length: seedCount }, (_, index) => `${index + 1}`);
  if (which === "others") {
    return seeds.flatMap((seed) => foldsOf(dealt(others, seed), chosenOn, seed));
  }
  return seeds.map((seed) => ({
    seed,
    ...divided(dealt(others, seed)),
    exam: people.filter(isTest),
  }));
}

/** Nested folds of all people: each is examined once a seed, by settings that were chosen on 24 others and by a model of 20 of them. */
export function createNestedFolds({ people }: Hapt, seedCount: number): readonly NestedFold[] {
  return Array.from({ length: seedCount }, (_, index) => `nested ${index + 1}`)
    .flatMap((seed) => foldsOf(dealt(people, seed), nestedOn, seed))
    .map((outer) => ({
      outer,
      inner: foldsOf([...outer.fit, ...outer.check], nestedOn, outer.seed),
    }));
}

function dealt(people: readonly HaptPerson[], seed: string): HaptPerson[] {
  const deal = [...people];
  shuffle(createSeededRandom(`ood people ${seed}`), deal);
  return deal;
}

function divided(people: readonly HaptPerson[]): Pick<Round, "fit" | "check"> {
  return { fit: people.slice(checkCount), check: people.slice(0, checkCount) };
}

/** Everybody is examined once, so many at a time, by a model of the rest. */
function foldsOf(people: readonly HaptPerson[], examCount: number, seed: string): readonly Round[] {
  return Array.from({ length: Math.floor(people.length / examCount) }, (_, fold) => {
    const from = fold * examCount;
    // Starts behind those who are examined, so that other people calibrate in every fold.
    const rest = [...people.slice(from + examCount), ...people.slice(0, from)];
    return {
      seed: `${seed}.${fold + 1}`,
      ...divided(rest),
      exam: people.slice(from, from + examCount),
    };
  });
}
