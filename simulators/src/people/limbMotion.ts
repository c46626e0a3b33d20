// What a limb does during one bout: specific force and turning rate in the limb's own frame, at any moment. It must not know how the
// wearable is worn.

import { type ForkableRandom, gaussian, uniform } from "@attune/device-runtime";
import type { Condition } from "./change.ts";
import { HOP_SAMPLES, SAMPLE_RATE_HZ } from "./inertialWindow.ts";
import type { LimbPose, LimbSite } from "./limbPose.ts";
import type { Bout } from "./schedule.ts";
import type { PersonalGait, Traits } from "./traits.ts";

/** Computes one hop of a limb's motion. */
export interface LimbMotion {
  /**
   * Writes 64 samples: acc x, y, z in g, gyro x, y, z in rad/s, sample after sample.
   *
   * - A pure function of (person, bout, hop, condition): hops may be asked for in any order.
   *
   * @param hop counted from the bout's beginning, in `[0, bout.hopCount)`
   * @param into at least 384 numbers
   */
  writeHop(hop: number, condition: Condition, into: Float64Array): void;
}

const STANDARD_GRAVITY = 9.80665;
/** From the pivot (shoulder, hip) to the wearable, metres. */
const pivotDistance: Readonly<Record<LimbSite, number>> = { wrist: 0.5, thigh: 0.25 };
/** A pose is kept for 16 hops, about 20 s, and then taken anew within a second. */
const POSE_HOPS = 16;
const POSE_CHANGE_S = 1;
const degree = Math.PI / 180;

/**
 * The motion of one bout.
 *
 * The limb is a rod that swings around a pivot and rides on a body that rises, falls and shocks with each step:
 *
 * - pitch `p = p0 + A sin(f) + A h sin(2f + c)` with the stride phase `f`; its rate is gyro y, its square and its acceleration are the
 *   centripetal and tangential parts on x and z;
 * - the body's vertical acceleration is `V cos(2f)` and a shock `I exp(k (cos(2f - c) - 1))` less its mean, so that over a stride gravity
 *   stays 1 g; one foot's shock is larger than the other's, which puts energy at the stride rate, half the cadence;
 * - at rest only sway, breath and bursts of fidgeting are left.
 *
 * The phase wanders slowly (nobody keeps time like a clock), in closed form, so that any moment can be computed alone.
 */
export function createLimbMotion(
  random: ForkableRandom,
  traits: Traits,
  site: LimbSite,
  bout: Bout,
): LimbMotion {
  const draws = random.fork(String(bout.index));
  const poses = drawPoses(draws.fork("poses"), traits, bout);
  return bout.activity === "walking" ||
    bout.activity === "upstairs" ||
    bout.activity === "downstairs"
    ? steppingMotion(draws, traits, traits.gaits[bout.activity], site, poses)
    : restingMotion(draws, traits, traits.poses[bout.activity], poses);
}

/** The poses of a bout, one for every 16 hops. */
interface PoseCourse {
  readonly pitch: Float64Array;
  readonly roll: Float64Array;
  readonly isOther: Uint8Array;
}

function drawPoses(random: ForkableRandom, traits: Traits, bout: Bout): PoseCourse {
  const habit = traits.poses[bout.activity];
  const count = Math.ceil(bout.hopCount / POSE_HOPS);
  const pitch = new Float64Array(count);
  const roll = new Float64Array(count);
  const isOther = new Uint8Array(count);
  const otherShare = Math.min(0.5, habit.otherShare * traits.otherPoseRate);
  for (let index = 0; index < count; index++) {
    const other = uniform(random) < otherShare;
    isOther[index] = other ? 1 : 0;
    pitch[index] =
      (other ? habit.pitch.other : habit.pitch.usual) + habit.pitch.variety * gaussian(random);
    roll[index] =
      (other ? habit.roll.other : habit.roll.usual) + habit.roll.variety * gaussian(random);
  }
  return { pitch, roll, isOther };
}

/** How much of the pose before is left, `seconds` after the change: a smooth step. */
function remainder(seconds: number): number {
  if (seconds >= POSE_CHANGE_S) return 0;
  return 0.5 + 0.5 * Math.cos((Math.PI * seconds) / POSE_CHANGE_S);
}

function steppingMotion(
  draws: ForkableRandom,
  traits: Traits,
  gait: PersonalGait,
  site: LimbSite,
  poses: PoseCourse,
): LimbMotion {
  const { form } = gait;
  const pace = Math.exp(0.05 * gaussian(draws));
  const vigour = Math.exp(0.1 * gaussian(draws));
  const phaseStart = 2 * Math.PI * uniform(draws);
  const wander = [
    { hz: 0.11 + 0.05 * uniform(draws), phase: 2 * Math.PI * uniform(draws), depth: 0.25 },
    { hz: 0.31 + 0.1 * uniform(draws), phase: 2 * Math.PI * uniform(draws), depth: 0.1 },
  ];
  const loudness = { hz: 0.2 + 0.1 * uniform(draws), phase: 2 * Math.PI * uniform(draws) };
  const distance = pivotDistance[site] / STANDARD_GRAVITY;

  return {
    writeHop: (hop, condition, into) => {
      const { injury, winterClothing } = condition;
      const strideRate =
        Math.PI * traits.cadenceHz * form.cadenceRatio * pace * (1 - 0.25 * injury);
      const damping = 1 - 0.45 * winterClothing;
      const strength = traits.strength * vigour * damping;
      const swing = form.swing * vigour * (1 - 0.45 * injury) * (1 - 0.2 * winterClothing);
      const sharpness = form.impactSharpness * (1 - 0.5 * winterClothing) * (1 - 0.25 * injury);
      const impact = form.impact * strength * (1 - 0.3 * injury);
      const vertical = form.vertical * strength * (1 - 0.25 * injury);
      const foreAft = form.foreAft * strength;
      const lateral = form.lateral * strength * (1 + 0.8 * injury);
      const turn = form.turn * traits.strength * vigour;
      const asymmetry = Math.min(0.95, Math.max(-0.95, traits.asymmetry + 0.75 * injury));
      const impactMean = meanShock(sharpness);
      const { pitchBefore, rollBefore, pitchNow, rollNow, hopInPose, isOther } = poseAt(poses, hop);
      // A hand that holds something does not swing.
      const swingNow = isOther ? 0.25 * swing : swing;
      const limp = 8 * degree * injury;

      for (let sample = 0; sample < HOP_SAMPLES; sample++) {
        const seconds = (hop * HOP_SAMPLES + sample) / SAMPLE_RATE_HZ;
        let phase = phaseStart + strideRate * seconds;
        let rate = strideRate;
        for (const { hz, phase: start, depth } of wander) {
          const turnRate = 2 * Math.PI * hz;
          phase += depth * Math.sin(turnRate * seconds + start);
          rate += depth * turnRate * Math.cos(turnRate * seconds + start);
        }
        const swell = 1 + 0.12 * Math.sin(2 * Math.PI * loudness.hz * seconds + loudness.phase);
        const amplitude = swingNow * swell;
        const sin1 = Math.sin(phase);
        const cos1 = Math.cos(phase);
        const sin2 = 2 * sin1 * cos1;
        const cos2 = cos1 * cos1 - sin1 * sin1;

        const left = remainder((hopInPose * HOP_SAMPLES + sample) / SAMPLE_RATE_HZ);
        const second = form.secondHarmonic;
        const pitch =
          pitchNow + (pitchBefore - pitchNow) * left + limp + amplitude * (sin1 + second * sin2);
        const pitchRate = amplitude * rate * (cos1 + 2 * second * cos2);
        const pitchAcceleration = -amplitude * rate * rate * (sin1 + 4 * second * sin2);
        const roll = rollNow + (rollBefore - rollNow) * left + 0.3 * amplitude * sin1;
        const rollRate = 0.3 * amplitude * rate * cos1;

        const stepPhase = 2 * phase - gait.impactPhase;
        const shock = Math.exp(sharpness * (Math.cos(stepPhase) - 1)) - impactMean;
        const foot = 1 + asymmetry * cos1;
        const up = 1 + swell * (vertical * foot * cos2 + impact * foot * shock);
        const forward = swell * foreAft * foot * sin2;
        const sideways = swell * lateral * Math.sin(phase + gait.swayPhase);
        const turning = turn * swell * Math.cos(phase + gait.swayPhase);

        writeSample(into, 6 * sample, {
          pitch,
          roll,
          pitchRate,
          rollRate,
          forward,
          sideways,
          up,
          turning,
          along: -distance * pitchRate * pitchRate,
          across: distance * pitchAcceleration,
        });
      }
    },
  };
}

function restingMotion(
  draws: ForkableRandom,
  traits: Traits,
  pose: LimbPose,
  poses: PoseCourse,
): LimbMotion {
  const swayHz = pose.swayHz * Math.exp(0.15 * gaussian(draws));
  const swayPhase = 2 * Math.PI * uniform(draws);
  const slowPhase = 2 * Math.PI * uniform(draws);
  const sway = pose.sway * traits.restlessness;
  const fidget = pose.fidget * traits.restlessness;
  const fidgetHz = 3 + 2.5 * uniform(draws);
  const burstHz = 0.06 + 0.05 * uniform(draws);
  const burstPhase = 2 * Math.PI * uniform(draws);

  return {
    writeHop: (hop, _condition, into) => {
      const { pitchBefore, rollBefore, pitchNow, rollNow, hopInPose } = poseAt(poses, hop);
      for (let sample = 0; sample < HOP_SAMPLES; sample++) {
        const seconds = (hop * HOP_SAMPLES + sample) / SAMPLE_RATE_HZ;
        const swayRate = 2 * Math.PI * swayHz;
        const slow = 0.37 * swayRate;
        const left = remainder((hopInPose * HOP_SAMPLES + sample) / SAMPLE_RATE_HZ);
        const pitch =
          pitchNow +
          (pitchBefore - pitchNow) * left +
          sway * Math.sin(swayRate * seconds + swayPhase);
        const pitchRate = sway * swayRate * Math.cos(swayRate * seconds + swayPhase);
        const roll =
          rollNow + (rollBefore - rollNow) * left + sway * Math.sin(slow * seconds + slowPhase);
        const rollRate = sway * slow * Math.cos(slow * seconds + slowPhase);
        // Busy for about a third of the time.
        const burst = Math.max(0, Math.sin(2 * Math.PI * burstHz * seconds + burstPhase) - 0.3);
        const twitch = fidget * burst * Math.sin(2 * Math.PI * fidgetHz * seconds);
        const twist = fidget * burst * Math.cos(2 * Math.PI * 0.8 * fidgetHz * seconds);
        writeSample(into, 6 * sample, {
          pitch,
          roll,
          pitchRate: pitchRate + 4 * twist,
          rollRate: rollRate + 6 * twist,
          forward: twitch,
          sideways: 0.6 * twist,
          up: 1 + 0.8 * twitch,
          turning: 0,
          along: 0,
          across: 0,
        });
      }
    },
  };
}

function poseAt(
  poses: PoseCourse,
  hop: number,
): {
  pitchBefore: number;
  rollBefore: number;
  pitchNow: number;
  rollNow: number;
  hopInPose: number;
  isOther: boolean;
} {
  const index = Math.floor(hop / POSE_HOPS);
  const before = Math.max(0, index - 1);
  return {
    pitchBefore: poses.pitch[before] as number,
    rollBefore: poses.roll[before] as number,
    pitchNow: poses.pitch[index] as number,
    rollNow: poses.roll[index] as number,
    hopInPose: hop - index * POSE_HOPS,
    isOther: poses.isOther[index] === 1,
  };
}

interface LimbState {
  readonly pitch: number;
  readonly roll: number;
  readonly pitchRate: number;
  readonly rollRate: number;
  /** Specific force of the body in the world: forward, to the left, up; g. */
  readonly forward: number;
  readonly sideways: number;
  readonly up: number;
  /** Turning of the body around the vertical, rad/s. */
  readonly turning: number;
  /** The swing's own specific force, along the limb and across it (in the plane of the swing), g. */
  readonly along: number;
  readonly across: number;
}

/** From the world into the limb's frame: pitch around y, then roll around x. */
function writeSample(into: Float64Array, offset: number, state: LimbState): void {
  const sinPitch = Math.sin(state.pitch);
  const cosPitch = Math.cos(state.pitch);
  const sinRoll = Math.sin(state.roll);
  const cosRoll = Math.cos(state.roll);
  const z = state.forward * cosPitch + state.up * sinPitch + state.across;
  into[offset] = state.forward * sinPitch - state.up * cosPitch + state.along;
  into[offset + 1] = state.sideways * cosRoll + z * sinRoll;
  into[offset + 2] = z * cosRoll - state.sideways * sinRoll;
  // Lifting the limb forward turns it around minus y.
  const turnAcross = state.turning * sinPitch;
  into[offset + 3] = state.rollRate - state.turning * cosPitch;
  into[offset + 4] = -state.pitchRate * cosRoll + turnAcross * sinRoll;
  into[offset + 5] = turnAcross * cosRoll + state.pitchRate * sinRoll;
}

/** Mean of `exp(k (cos x - 1))` over a turn, so that shocks leave gravity at 1 g. */
function meanShock(sharpness: number): number {
  let sum = 0;
  for (let index = 0; index < 32; index++) {
    sum += Math.exp(sharpness * (Math.cos((2 * Math.PI * index) / 32) - 1));
  }
  return sum / 32;
}
