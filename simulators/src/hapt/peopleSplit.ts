// Who trains, who validates and who tests. It must not know any signal.
import { type Random, shuffle } from "@attune/device-runtime";
import { assertDefect } from "@attune/protocol";
import type { HaptPerson, HarHapt } from "../data/loadHarHapt.ts";

/** How many people the shared model learns from. */
const TRAIN_PEOPLE = 17;
/** How many people are the hub's validation set. */
const VALIDATION_PEOPLE = 4;

/** Three groups without a common person. */
export interface PeopleSplit {
  /** 17 people, by subject number. */
  readonly train: readonly HaptPerson[];
  /** 4 people, by subject number. */
  readonly validation: readonly HaptPerson[];
  /** The nine people that the data set's authors test on, by subject number: each is a device. */
  readonly test: readonly HaptPerson[];
}

/**
 * Splits the thirty people: the official nine test, and of the other 21 a seeded choice of 17 trains.
 *
 * - By person, never by window: windows overlap by half, and two windows of one person are alike.
 *
 * @throws {@link Defect} `hapt.people_missing` when the data set does not have exactly 21 others
 */
export function splitPeople(data: HarHapt, random: Random): PeopleSplit {
  const isTest = (person: HaptPerson): boolean =>
    data.officialTestSubjects.includes(person.subject);
  const others = data.people.filter((person) => !isTest(person));
  assertDefect(
    others.length === TRAIN_PEOPLE + VALIDATION_PEOPLE,
    "hapt.people_missing",
    `${others.length} people beside the test list, must be ${TRAIN_PEOPLE + VALIDATION_PEOPLE}`,
  );
  const dealt = [...others];
  shuffle(random, dealt);
  const bySubject = (a: HaptPerson, b: HaptPerson): number => a.subject - b.subject;
  return {
    train: dealt.slice(0, TRAIN_PEOPLE).sort(bySubject),
    validation: dealt.slice(TRAIN_PEOPLE).sort(bySubject),
    test: data.people.filter(isTest),
  };
}
