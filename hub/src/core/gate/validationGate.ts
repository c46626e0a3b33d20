// Whether a challenger is not worse than the champion on the operator's validation set. Pure; it must not run a model.
import type { ValidationPolicy } from "../../policy.ts";
import type { Random } from "../../ports/random.ts";
import type { GateCheck } from "./gateCheck.ts";

/** Answers to the validation set, one row for each person and class that occur together. */
export interface ValidationCell {
  readonly person: string;
  readonly label: string;
  readonly count: number;
  readonly championCorrect: number;
  readonly challengerCorrect: number;
}

/** What the models answered. */
export interface ValidationAnswers {
  readonly cells: readonly ValidationCell[];
  /** Samples for which the challenger's answer was NaN or infinite. */
  readonly notFiniteCount: number;
}

interface Tally {
  count: number;
  championCorrect: number;
  challengerCorrect: number;
}

function tallyBy(
  cells: readonly ValidationCell[],
  keyOf: (cell: ValidationCell) => string,
): Map<string, Tally> {
  const tallies = new Map<string, Tally>();
  for (const cell of cells) {
    const key = keyOf(cell);
    const tally = tallies.get(key) ?? { count: 0, championCorrect: 0, challengerCorrect: 0 };
    tally.count += cell.count;
    tally.championCorrect += cell.championCorrect;
    tally.challengerCorrect += cell.challengerCorrect;
    tallies.set(key, tally);
  }
  return tallies;
}

const differenceOf = ({ count, championCorrect, challengerCorrect }: Tally): number =>
  (challengerCorrect - championCorrect) / count;

const points = (share: number): string => `${share >= 0 ? "+" : ""}${(share * 100).toFixed(1)}`;
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/**
 * Non-inferior by the bootstrap over **persons**: windows of one person resemble each other, so a person is the unit, and each
 * weighs the same. Passes when the lower bound of the mean difference in accuracy is not below `-margin`.
 *
 * - Cost: `resamples` times the number of persons.
 *
 * With a few persons the bound is rough; that is why the devices' own comparison has to agree.
 *
 * @see Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13 (percentile interval), here one-sided.
 */
export function judgeValidation(
  answers: ValidationAnswers,
  policy: ValidationPolicy,
  random: Random,
): GateCheck {
  const persons = [...tallyBy(answers.cells, ({ person }) => person)];
  const differences = persons.map(([, tally]) => differenceOf(tally));
  const mean = average(differences);
  const bound = bootstrapBound(differences, policy, random);
  const total = tallyBy(answers.cells, () => "all").get("all");
  const evidence = {
    difference: mean,
    lowerBound: bound,
    margin: policy.margin,
    alpha: policy.alpha,
    resamples: policy.resamples,
    samples: total?.count ?? 0,
    championAccuracy: total === undefined ? null : total.championCorrect / total.count,
    challengerAccuracy: total === undefined ? null : total.challengerCorrect / total.count,
    persons: persons.map(([person, tally]) => ({
      person,
      count: tally.count,
      difference: differenceOf(tally),
    })),
  };
  if (total === undefined) {
    return { name: "validation", outcome: "fail", text: "the validation set is empty", evidence };
  }
  const text = `mean over ${persons.length} persons ${points(mean)} points, at least ${points(bound)} (${percent(1 - policy.alpha)} bootstrap), margin -${(policy.margin * 100).toFixed(1)}`;
  return {
    name: "validation",
    outcome: bound >= -policy.margin ? "pass" : "fail",
    text,
    evidence,
  };
}

/**
 * No slice (a person, a class) loses more than `sliceMargin`: the bar is the worst user, not the mean. Slices with fewer than
 * `sliceSamplesMin` samples are shown and not judged.
 */
export function judgeSlices(answers: ValidationAnswers, policy: ValidationPolicy): GateCheck {
  const slices = [
    ...[...tallyBy(answers.cells, ({ person }) => person)].map(([name, tally]) => ({
      kind: "person",
      name,
      tally,
    })),
    ...[...tallyBy(answers.cells, ({ label }) => label)].map(([name, tally]) => ({
      kind: "class",
      name,
      tally,
    })),
  ].map(({ kind, name, tally }) => ({
    kind,
    name,
    count: tally.count,
    difference: differenceOf(tally),
    isJudged: tally.count >= policy.sliceSamplesMin,
  }));
  slices.sort((a, b) => a.difference - b.difference);
  const worst = slices.find(({ isJudged }) => isJudged);
  const evidence = { margin: policy.sliceMargin, samplesMin: policy.sliceSamplesMin, slices };
  if (worst === undefined) {
    return {
      name: "slices",
      outcome: "skipped",
      text: `no person or class has ${policy.sliceSamplesMin} samples`,
      evidence,
    };
  }
  return {
    name: "slices",
    outcome: worst.difference >= -policy.sliceMargin ? "pass" : "fail",
    text: `worst slice is ${worst.kind} ${worst.name}: ${points(worst.difference)} points on ${worst.count} samples, margin -${(policy.sliceMargin * 100).toFixed(1)}`,
    evidence,
  };
}

function average(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function bootstrapBound(
  differences: readonly number[],
  policy: ValidationPolicy,
  random: Random,
): number {
  if (differences.length === 0) return -1;
  const means = Array.from({ length: policy.resamples }, () => {
    let sum = 0;
    for (let draw = 0; draw < differences.length; draw += 1) {
      // 2^32 is so much larger than any number of persons that the remainder's bias is below 1e-6.
      sum += differences[random.nextUint32() % differences.length] as number;
    }
    return sum / differences.length;
  });
  means.sort((a, b) => a - b);
  return means[Math.floor(policy.alpha * means.length)] as number;
}
