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

const checkCount = 4;
/** People examined at once when methods are chosen. */
const chosenOn = 3;

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
  const dealt = (seed: string): HaptPerson[] => {
    const deal = [...others];
    shuffle(createSeededRandom(`ood people ${seed}`), deal);
    return deal;
  };
  if (which === "test") {
    return Array.from({ length: seedCount }, (_, index): Round => {
      const seed = `${index + 1}`;
      const deal = dealt(seed);
      return {
        seed,
        fit: deal.slice(checkCount),
        check: deal.slice(0, checkCount),
        exam: people.filter(isTest),
      };
    });
  }
  return Array.from({ length: seedCount }, (_, index) => `${index + 1}`).flatMap((seed) => {
    const deal = dealt(seed);
    return Array.from({ length: Math.floor(deal.length / chosenOn) }, (_, fold): Round => {
      const exam = deal.slice(fold * chosenOn, (fold + 1) * chosenOn);
      // Starts behind those who are examined, so that other people calibrate in every fold.
      const rest = [...deal.slice((fold + 1) * chosenOn), ...deal.slice(0, fold * chosenOn)];
      return {
        seed: `${seed}.${fold + 1}`,
        fit: rest.slice(checkCount),
        check: rest.slice(0, checkCount),
        exam,
      };
    });
  });
}
