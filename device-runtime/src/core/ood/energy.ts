// Scores of samples by their class scores alone. It must not decide which score is too high.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { classCountMax } from "./gaussianProfile.ts";
import { assertLogits } from "./oodSamples.ts";
import type { OodScorer } from "./oodScorer.ts";

/** How an energy is taken. */
export interface EnergyProfile {
  readonly kind: "energy";
  readonly classCount: number;
  /** `> 0`. */
  readonly temperature: number;
}

/**
 * Checks a profile from outside.
 *
 * @returns `input.shape_mismatch`
 */
export function checkEnergy(profile: EnergyProfile): Outcome<EnergyProfile> {
  const { classCount, temperature } = profile;
  if (
    !(Number.isInteger(classCount) && classCount >= 1 && classCount <= classCountMax) ||
    !(Number.isFinite(temperature) && temperature > 0)
  ) {
    return refuse(
      "input.shape_mismatch",
      `profile is of ${classCount} classes at temperature ${temperature}; 1 to ${classCountMax} classes, a finite temperature above 0`,
    );
  }
  return accept(profile);
}

/**
 * Creates a scorer that takes the energy of the class scores: `-T · log(sum(exp(logit / T)))`.
 *
 * - Range: unbounded. Units: nats when the temperature is 1. O(classes).
 *
 * Low confidence in all classes together. On features of real sensors it is far weaker than a distance: a network is as sure of what it has
 * never seen.
 *
 * @example
 * createEnergyScorer({ kind: "energy", classCount: 2, temperature: 1 }).score([], 0, [0, 0]); // => -Math.LN2
 * @see Liu et al. 2020, "Energy-based out-of-distribution detection", section 3.1. Deviation: none.
 */
export function createEnergyScorer({ classCount, temperature }: EnergyProfile): OodScorer {
  return {
    dimension: 0,
    classCount,
    score(_features, _featuresAt, logits, logitsAt = 0) {
      assertLogits(logits, logitsAt, classCount);
      const energy = -logSumExp(logits, logitsAt, classCount, temperature);
      // An endless class score is no knowledge: the model has failed.
      return energy === Number.NEGATIVE_INFINITY ? Number.POSITIVE_INFINITY : energy;
    },
  };
}

/**
 * `T · log(sum(exp(logit / T)))` without overflow.
 *
 * - NaN in, NaN out.
 */
export function logSumExp(
  logits: ArrayLike<number>,
  at: number,
  classCount: number,
  temperature: number,
): number {
  const largest = largestLogit(logits, at, classCount);
  // Infinite less infinite is not a number.
  if (!Number.isFinite(largest)) return largest;
  let sum = 0;
  for (let index = 0; index < classCount; index++) {
    sum += Math.exp(((logits[at + index] as number) - largest) / temperature);
  }
  return largest + temperature * Math.log(sum);
}

/** The largest class score; NaN when there is one. */
export function largestLogit(logits: ArrayLike<number>, at: number, classCount: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < classCount; index++) {
    largest = Math.max(largest, logits[at + index] as number);
  }
  return largest;
}
