// How new people fare who live through their windows in time order: what is called an outlier, and what of the unknown is found.
import {
  conformalThreshold,
  createUserCalibration,
  measurePopulation,
  type PersonalRule,
  type PopulationScores,
} from "@attune/device-runtime/monitor";
import type { RoundView } from "./roundView.ts";
import type { ScoreOf } from "./separation.ts";

/** One new person, among people whom nobody was trained on either. */
export interface Life {
  readonly subject: number;
  readonly scores: Float64Array;
  /** Known, unknown, or neither. */
  readonly isUsual: readonly (boolean | null)[];
  readonly population: PopulationScores;
  /** Of all people together. */
  readonly threshold: number;
}

/** One person's fate, after the first windows. */
export interface Fate {
  readonly subject: number;
  /** Share of known windows that were called outliers. */
  readonly flagged: number;
  readonly found: number;
  readonly unknownCount: number;
}

/** Share of normal windows that may be called outliers. */
export const alpha = 0.05;
/** Windows at the beginning that are not counted. */
export const firstWindows = 100;

/** The lives of those who are examined in a round. */
export function livesOf(view: RoundView, scoreOf: ScoreOf): readonly Life[] {
  const known = view.check.flatMap((person) => {
    const scores = scoreOf(person);
    return person.isUsual.flatMap((isUsual, at) =>
      isUsual === true ? [{ score: scores[at] as number, subject: person.subject }] : [],
    );
  });
  const scores = known.map(({ score }) => score);
  const population = measurePopulation(
    scores,
    known.map(({ subject }) => subject),
  );
  const { threshold } = conformalThreshold(scores, alpha);
  return view.exam.map((person) => ({
    subject: person.subject,
    scores: scoreOf(person),
    isUsual: person.isUsual,
    population,
    threshold,
  }));
}

/** Whether each window of a life is called an outlier under a rule. */
export function judgeBy({ scores, population }: Life, rule: PersonalRule): readonly boolean[] {
  const user = createUserCalibration(population, alpha, rule);
  return Array.from(scores, (score) => user.observe(score) <= alpha);
}

/** What became of a person. */
export function fateOf(
  { subject, isUsual }: Pick<Life, "subject" | "isUsual">,
  isFlagged: (at: number) => boolean,
): Fate {
  let known = 0;
  let flagged = 0;
  let found = 0;
  let unknownCount = 0;
  for (let at = firstWindows; at < isUsual.length; at++) {
    const usual = isUsual[at];
    if (usual === null) continue;
    if (usual) known++;
    else unknownCount++;
    if (!isFlagged(at)) continue;
    if (usual) flagged++;
    else found++;
  }
  return { subject, flagged: flagged / known, found, unknownCount };
}

/** Share of all unknown windows that were found. */
export function foundOf(fates: readonly Fate[]): number {
  const sum = (of: (fate: Fate) => number): number =>
    fates.reduce((total, fate) => total + of(fate), 0);
  return sum(({ found }) => found) / sum(({ unknownCount }) => unknownCount);
}
