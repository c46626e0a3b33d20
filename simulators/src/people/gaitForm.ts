// The form of a gait in numbers, and the population's median of each. It must not know any person.
import type { LimbSite } from "./limbPose.ts";

/** The activities with steps. */
export type Gait = "walking" | "upstairs" | "downstairs";

/**
 * The parameters of one gait. A stride is two steps.
 *
 * Magnitudes are of the order that wrist and thigh sensors read: an arm swing of some 25 degrees either way, a few tenths of a g at
 * the step rate, sharper going down than going up.
 */
export interface GaitForm {
  /** Step rate, as a share of the person's walking cadence. */
  readonly cadenceRatio: number;
  /** How far the limb swings either way, radians. */
  readonly swing: number;
  /** Share of the second harmonic in that swing. */
  readonly secondHarmonic: number;
  /** Rise and fall of the body at the step rate, g. */
  readonly vertical: number;
  /** Height of the shock of a foot coming down, g. */
  readonly impact: number;
  /** Concentration of that shock: 3 is round, 10 is a spike. */
  readonly impactSharpness: number;
  /** Push and brake at the step rate, g. */
  readonly foreAft: number;
  /** Sway from foot to foot at the stride rate, g. */
  readonly lateral: number;
  /** Turning of the trunk at the stride rate, rad/s. */
  readonly turn: number;
}

/** The median person's gaits. */
export const gaitForms: Readonly<Record<LimbSite, Readonly<Record<Gait, GaitForm>>>> = {
  wrist: {
    walking: {
      cadenceRatio: 1,
      swing: 0.42,
      secondHarmonic: 0.15,
      vertical: 0.2,
      impact: 0.3,
      impactSharpness: 5,
      foreAft: 0.12,
      lateral: 0.08,
      turn: 0.35,
    },
    upstairs: {
      cadenceRatio: 0.85,
      swing: 0.28,
      secondHarmonic: 0.2,
      vertical: 0.22,
      impact: 0.2,
      impactSharpness: 3.5,
      foreAft: 0.1,
      lateral: 0.1,
      turn: 0.3,
    },
    downstairs: {
      cadenceRatio: 1.08,
      swing: 0.3,
      secondHarmonic: 0.25,
      vertical: 0.24,
      impact: 0.65,
      impactSharpness: 9,
      foreAft: 0.1,
      lateral: 0.1,
      turn: 0.3,
    },
  },
  thigh: {
    walking: {
      cadenceRatio: 1,
      swing: 0.35,
      secondHarmonic: 0.3,
      vertical: 0.25,
      impact: 0.45,
      impactSharpness: 6,
      foreAft: 0.15,
      lateral: 0.1,
      turn: 0.3,
    },
    upstairs: {
      cadenceRatio: 0.85,
      swing: 0.49,
      secondHarmonic: 0.35,
      vertical: 0.25,
      impact: 0.3,
      impactSharpness: 4,
      foreAft: 0.12,
      lateral: 0.12,
      turn: 0.3,
    },
    downstairs: {
      cadenceRatio: 1.08,
      swing: 0.3,
      secondHarmonic: 0.4,
      vertical: 0.28,
      impact: 0.75,
      impactSharpness: 9,
      foreAft: 0.12,
      lateral: 0.12,
      turn: 0.3,
    },
  },
};
