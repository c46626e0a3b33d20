// How a wearable sits on a body: from the limb's frame to the sensor's. It must not know what the limb does.

import { type ForkableRandom, gaussian } from "@attune/device-runtime";
import type { Condition } from "./change.ts";
import type { LimbSite } from "./limbPose.ts";
import { followedBy, type Rotation, rotationAround } from "./rotation.ts";

/**
 * Where and how somebody wears it.
 *
 * - `rightWrist`: the reference.
 * - `leftWrist`: the body mirrored, and the watch turned by 180 degrees around its face, because its strap holes then point the other
 *   way along the arm. A hanging arm reads +1 g on x instead of -1 g.
 * - `pocket`: on the thigh, in the attitude in which it was put in.
 * - `looseStrap`: right wrist, but it slides around the arm all the time and rattles with every step.
 */
export type WearingPosition = "rightWrist" | "leftWrist" | "pocket" | "looseStrap";

/** Every {@link WearingPosition}, for tables and loops. */
export const wearingPositions: readonly WearingPosition[] = [
  "rightWrist",
  "leftWrist",
  "pocket",
  "looseStrap",
];

/** The limb that a position is on. */
export function siteOf(position: WearingPosition): LimbSite {
  return position === "pocket" ? "thigh" : "wrist";
}

/** One wearable on one person. */
export interface Mounting {
  readonly position: WearingPosition;
  /** Whether left and right are swapped before anything else. */
  readonly isMirrored: boolean;
  /** From the limb's frame to the sensor's, when nothing has changed. */
  readonly attitude: Rotation;
  /** How far the strap slides around the limb either way, radians. */
  readonly slide: number;
  /** Loudness of the rattle, relative to the steps. */
  readonly rattle: number;
  /** Constant error of each channel, g and rad/s. */
  readonly bias: readonly number[];
  /** White noise of an acc channel, g. */
  readonly accNoise: number;
  /** White noise of a gyro channel, rad/s. */
  readonly gyroNoise: number;
}

const degree = Math.PI / 180;
/** Full scale of common wearable sensors: 8 g and 2000 degrees a second. */
export const ACC_LIMIT_G = 8;
export const GYRO_LIMIT_RAD_S: number = 2000 * degree;

/** Draws how a person wears it: everybody a little differently, and every sensor with errors of its own. */
export function drawMounting(random: ForkableRandom, position: WearingPosition): Mounting {
  const loose = random.fork("attitude");
  const tilt = followedBy(
    rotationAround([1, 0, 0], 8 * degree * gaussian(loose)),
    rotationAround([0, 1, 0], 4 * degree * gaussian(loose)),
  );
  const turned: Record<WearingPosition, Rotation> = {
    rightWrist: tilt,
    leftWrist: followedBy(tilt, rotationAround([0, 0, 1], Math.PI)),
    // Screen towards the leg or away from it, upright or lying across: as it fell in.
    pocket: followedBy(
      followedBy(tilt, rotationAround([1, 0, 0], 25 * degree * gaussian(loose))),
      rotationAround([0, 0, 1], 70 * degree + 20 * degree * gaussian(loose)),
    ),
    looseStrap: followedBy(tilt, rotationAround([1, 0, 0], -60 * degree)),
  };
  const sensor = random.fork("sensor");
  return {
    position,
    isMirrored: position === "leftWrist",
    attitude: turned[position],
    slide: position === "looseStrap" ? 45 * degree : 0,
    rattle: position === "looseStrap" ? 0.5 : 0,
    bias: [0.015, 0.015, 0.015, 0.02, 0.02, 0.02].map((size) => size * gaussian(sensor)),
    accNoise: 0.008 * Math.exp(0.3 * gaussian(sensor)),
    gyroNoise: 0.012 * Math.exp(0.3 * gaussian(sensor)),
  };
}

/** The attitude under a condition: a turned strap goes around the limb, a thick sleeve tilts the sensor. */
export function attitudeUnder(mounting: Mounting, condition: Condition): Rotation {
  const changed = followedBy(
    rotationAround([1, 0, 0], (95 * condition.strapTurned + 8 * condition.winterClothing) * degree),
    rotationAround([0, 1, 0], 16 * condition.winterClothing * degree),
  );
  return followedBy(changed, mounting.attitude);
}
