// What makes one person move unlike another. It must not know time, bouts or how a wearable is worn.
import { type ForkableRandom, gaussian, uniform } from "@attune/device-runtime";
import { type Activity, activities } from "./activity.ts";
import { type Gait, type GaitForm, gaitForms } from "./gaitForm.ts";
import { type LimbPose, type LimbSite, limbPoses } from "./limbPose.ts";

/** How one person walks. */
export interface PersonalGait {
  readonly form: GaitForm;
  /** Where in the step the foot comes down, radians, relative to the population. */
  readonly impactPhase: number;
  /** Where in the stride the sway is, radians, relative to the limb's swing. */
  readonly swayPhase: number;
}

/** Everything about a person that stays the same for life. */
export interface Traits {
  /** Steps a second when walking on the level; population 1.85, deviation 0.11. */
  readonly cadenceHz: number;
  /** Loudness of every dynamic part; population median 1. */
  readonly strength: number;
  /** How much heavier one foot comes down than the other, as a share; population 0, deviation 0.1. */
  readonly asymmetry: number;
  /** Loudness of sway, fidgeting and breathing while at rest; population median 1. */
  readonly restlessness: number;
  /** How often this person's limb does something else than is usual, a multiplier; population median 1. */
  readonly otherPoseRate: number;
  readonly gaits: Readonly<Record<Gait, PersonalGait>>;
  readonly poses: Readonly<Record<Activity, LimbPose>>;
}

/**
 * Draws a person.
 *
 * Amplitudes and rates are log-normal (never negative, and it is ratios in which people differ), angles and cadence normal.
 *
 * @param random its forks are used, it is not drawn from
 */
export function drawTraits(random: ForkableRandom, site: LimbSite): Traits {
  const body = random.fork("body");
  const cadenceHz = 1.85 + 0.11 * gaussian(body);
  const strength = ratio(body, 0.15);
  const asymmetry = 0.1 * gaussian(body);
  const restlessness = ratio(body, 0.3);
  const otherPoseRate = ratio(body, 0.5);

  const drawGait = (gait: Gait): PersonalGait => {
    const draws = random.fork(gait);
    const median = gaitForms[site][gait];
    const form = {
      cadenceRatio: median.cadenceRatio * ratio(draws, 0.03),
      swing: median.swing * ratio(draws, 0.15),
      secondHarmonic: median.secondHarmonic * ratio(draws, 0.3),
      vertical: median.vertical * ratio(draws, 0.12),
      impact: median.impact * ratio(draws, 0.18),
      impactSharpness: median.impactSharpness * ratio(draws, 0.15),
      foreAft: median.foreAft * ratio(draws, 0.2),
      lateral: median.lateral * ratio(draws, 0.2),
      turn: median.turn * ratio(draws, 0.2),
    };
    return {
      form,
      impactPhase: 0.5 * gaussian(draws),
      swayPhase: 2 * Math.PI * uniform(draws),
    };
  };

  const draws = random.fork("poses");
  // One habit for all activities, how the limb is turned, and one for each.
  const habitualRoll = 0.15 * gaussian(draws);
  const poses = {} as Record<Activity, LimbPose>;
  for (const activity of activities) {
    const median = limbPoses[site][activity];
    const pitch = median.pitch.usual + median.pitch.spread * gaussian(draws);
    const roll = median.roll.usual + habitualRoll + median.roll.spread * gaussian(draws);
    poses[activity] = {
      ...median,
      pitch: { ...median.pitch, usual: pitch },
      roll: { ...median.roll, usual: roll },
    };
  }
  return {
    cadenceHz,
    strength,
    asymmetry,
    restlessness,
    otherPoseRate,
    gaits: {
      walking: drawGait("walking"),
      upstairs: drawGait("upstairs"),
      downstairs: drawGait("downstairs"),
    },
    poses,
  };
}

/** A log-normal factor with median 1. */
function ratio(random: ForkableRandom, deviation: number): number {
  return Math.exp(deviation * gaussian(random));
}
