// How a limb is held in each activity, and the population's median of it. It must not know any person.
import type { Activity } from "./activity.ts";

/** The limb that carries the wearable. */
export type LimbSite = "wrist" | "thigh";

/** One angle of a {@link LimbPose}, radians. */
export interface PoseAngle {
  /** The person's habit. */
  readonly usual: number;
  /** Deviation of that habit between people. */
  readonly spread: number;
  /** Deviation from one time the person takes the pose to the next. */
  readonly variety: number;
  /** When the limb does something else: a phone, an armrest, a bag. */
  readonly other: number;
}

/**
 * The attitude of a limb while an activity lasts, and what it does at rest.
 *
 * The limb's own frame: x runs along it towards the hand or knee, y to the person's left, z completes the right hand. At pitch 0
 * and roll 0 the limb hangs and z looks forward; pitch lifts x forward, up to 90 degrees when the limb is level and z looks up;
 * roll turns around x.
 */
export interface LimbPose {
  readonly pitch: PoseAngle;
  readonly roll: PoseAngle;
  /** Share of the time in which the limb does something else. */
  readonly otherShare: number;
  /** Slow movement of the pose at rest (sway standing, breath lying), radians; 0 while stepping. */
  readonly sway: number;
  /** Rate of that movement, Hz. */
  readonly swayHz: number;
  /** Fast small movement of a busy hand, g, in bursts. */
  readonly fidget: number;
}

const degree = Math.PI / 180;

/** An angle from degrees. */
function angle(usual: number, spread: number, variety: number, other: number): PoseAngle {
  return {
    usual: usual * degree,
    spread: spread * degree,
    variety: variety * degree,
    other: other * degree,
  };
}

function pose(
  pitch: PoseAngle,
  roll: PoseAngle,
  otherShare: number,
  rest: { readonly sway: number; readonly swayHz: number; readonly fidget: number },
): LimbPose {
  return { pitch, roll, otherShare, ...rest };
}

const stepping = { sway: 0, swayHz: 0, fidget: 0 };

/**
 * The median person's poses.
 *
 * Sitting and standing share poses on purpose (a seated arm may hang, a standing one may hold a phone): what is left to tell them
 * apart is small movement, and where that fails, knowing the person.
 */
export const limbPoses: Readonly<Record<LimbSite, Readonly<Record<Activity, LimbPose>>>> = {
  wrist: {
    walking: pose(angle(18, 5, 4, 70), angle(20, 10, 6, 10), 0.1, stepping),
    upstairs: pose(angle(38, 5, 5, 75), angle(20, 10, 6, 0), 0.1, stepping),
    downstairs: pose(angle(26, 5, 5, 72), angle(20, 10, 6, 5), 0.1, stepping),
    sitting: pose(angle(76, 10, 8, 28), angle(5, 13, 12, 30), 0.08, {
      sway: 0.01,
      swayHz: 0.35,
      fidget: 0.03,
    }),
    standing: pose(angle(12, 9, 6, 72), angle(22, 18, 10, 0), 0.08, {
      sway: 0.025,
      swayHz: 0.55,
      fidget: 0.015,
    }),
    lying: pose(angle(94, 8, 5, 82), angle(72, 16, 14, -15), 0.1, {
      sway: 0.008,
      swayHz: 0.25,
      fidget: 0.003,
    }),
  },
  thigh: {
    walking: pose(angle(8, 3.5, 2, 8), angle(0, 7, 3, 0), 0, stepping),
    upstairs: pose(angle(24, 3.5, 3, 24), angle(0, 7, 3, 0), 0, stepping),
    downstairs: pose(angle(14, 3.5, 3, 14), angle(0, 7, 3, 0), 0, stepping),
    sitting: pose(angle(84, 7, 4, 70), angle(5, 10, 6, 30), 0.15, {
      sway: 0.006,
      swayHz: 0.35,
      fidget: 0.01,
    }),
    standing: pose(angle(3, 4, 3, 14), angle(0, 10, 4, 15), 0.2, {
      sway: 0.02,
      swayHz: 0.55,
      fidget: 0.006,
    }),
    lying: pose(angle(92, 5, 3, 75), angle(10, 15, 10, 80), 0.25, {
      sway: 0.006,
      swayHz: 0.25,
      fidget: 0.002,
    }),
  },
};
