// What a model line's rules are, as data, and what they are when nobody says. It must not decide anything.
import {
  CLIP_NORM_DEFAULT,
  CONTRIBUTION_EXAMPLES_MAX,
  PAIRED_DISCORDANT_MAX,
  type PersonalFate,
  REFUSE_NORM_DEFAULT,
  STALENESS_MAX,
} from "@attune/protocol";

/** When an aggregation window closes. */
export interface WindowPolicy {
  /** Devices whose contributions close it at once. */
  readonly quorum: number;
  /** Devices that it needs when its deadline closes it; with fewer it goes on to a new deadline. */
  readonly contributionsMin: number;
  /** Devices that it takes at most. */
  readonly contributionsMax: number;
  readonly deadlineMs: number;
}

/** What a contribution may be. */
export interface IntakePolicy {
  /** A delta with a larger Euclidean norm enters an aggregate scaled down to it. */
  readonly clipNorm: number;
  /** A delta with a larger Euclidean norm is refused. */
  readonly refuseNorm: number;
  /** Generations that its base may be behind the champion. */
  readonly stalenessMax: number;
  /** A contribution counts for at most so many examples. */
  readonly examplesMax: number;
}

/** Comparison with the champion on the operator's validation set. */
export interface ValidationPolicy {
  /** Loss of mean accuracy over persons that would be borne; .01 is one point. */
  readonly margin: number;
  /** Chance of letting a worse one pass, one-sided. */
  readonly alpha: number;
  /** Bootstrap resamples of the persons. */
  readonly resamples: number;
  /** Loss of accuracy that would be borne in one slice (a person, a class). */
  readonly sliceMargin: number;
  /** Slices with fewer samples are shown and not judged. */
  readonly sliceSamplesMin: number;
  readonly deadlineMs: number;
}

/** Comparison with the champion on the devices, by the paired counts that they report. */
export interface ShadowPolicy {
  /** Devices that must have compared. */
  readonly devicesMin: number;
  /** Evidence (e-value) for "better" that passes; 20 is what a 5 % test asks for. */
  readonly betterLimit: number;
  /** Evidence (e-value) for "worse" that rejects before the deadline. */
  readonly harmLimit: number;
  readonly discordantPerDeviceMax: number;
  readonly deadlineMs: number;
  /** Whether imported versions that fit are compared as well. */
  readonly imported: boolean;
}

/** What a challenger must show before it is signed. */
export interface GatePolicy {
  /** Euclidean norm of (challenger - champion). */
  readonly normMax: number;
  readonly validation: ValidationPolicy;
  readonly shadow: ShadowPolicy;
  /** `person`: somebody has to say yes as well. */
  readonly approval: "none" | "person";
  readonly approvalDeadlineMs: number;
  /** How long "not enough evidence" waits for a person before it is a no. */
  readonly holdDeadlineMs: number;
}

/** How a signed version spreads. */
export interface RolloutPolicy {
  /** Devices of the first stage, 3 or more. */
  readonly canaryDevices: number;
  /**
   * As many more as it takes to have one of every share of the fleet that is at least this large, with a probability of `1 - alpha`: 0.3 takes
   * 9 of the largest fleet, 0.1 takes 29. 1 asks for no more.
   */
  readonly minorityShare: number;
  /** Shares of the fleet after the canary, rising; the last is 1. */
  readonly stages: readonly number[];
  /** Mean of the devices' evidence (e-values) of harm that rolls back. */
  readonly harmLimit: number;
  readonly discordantPerDeviceMax: number;
  /** Loss of accuracy that would be borne: the canary is left when the bound on harm is within it. */
  readonly margin: number;
  /** Chance that the bound on harm is wrong at any look. */
  readonly alpha: number;
  /** Shortest watch of a stage. */
  readonly watchMs: number;
  readonly canaryDeadlineMs: number;
  /** What follows when the bound on harm is not within the margin by then, and no harm is seen either. */
  readonly atCanaryDeadline: "spread" | "hold" | "rollback";
  /** How long a hold waits for a person before it rolls back. */
  readonly holdDeadlineMs: number;
  readonly spreadDeadlineMs: number;
  /** How long a halted rollout waits for a person before it rolls back. */
  readonly haltDeadlineMs: number;
  /** How long a version must serve without a fault before it counts as good, on a device and in the last stage. */
  readonly bakeMs: number;
  /** Share of the reachable devices that must have baked it. */
  readonly bakedShareMin: number;
}

/** The rules of one model line. */
export interface LinePolicy {
  readonly window: WindowPolicy;
  readonly intake: IntakePolicy;
  readonly gate: GatePolicy;
  readonly signing: { readonly deadlineMs: number };
  readonly rollout: RolloutPolicy;
  /** What happens to users' own parameters when the shared version under them changes. */
  readonly personal: { readonly onPromotion: PersonalFate; readonly onRollback: PersonalFate };
  /** `off`: gate and rollout health are worked out and shown, and nobody obeys them. For demonstrations; audit rows say so. */
  readonly guards: "on" | "off";
}

/** Any part of `T`, to any depth; arrays are whole. */
export type DeepPartial<T> = {
  readonly [Key in keyof T]?: T[Key] extends readonly unknown[]
    ? T[Key]
    : T[Key] extends object
      ? DeepPartial<T[Key]>
      : T[Key];
};

/** Part of a {@link LinePolicy}: what it leaves out stays as it is. */
export type LinePolicyInput = DeepPartial<LinePolicy>;

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** The rules of a line that nobody gave any. */
export const defaultPolicy: LinePolicy = {
  window: { quorum: 8, contributionsMin: 3, contributionsMax: 1024, deadlineMs: 10 * minute },
  intake: {
    clipNorm: CLIP_NORM_DEFAULT,
    refuseNorm: REFUSE_NORM_DEFAULT,
    stalenessMax: STALENESS_MAX,
    examplesMax: CONTRIBUTION_EXAMPLES_MAX,
  },
  gate: {
    normMax: 10,
    validation: {
      margin: 0.01,
      alpha: 0.05,
      resamples: 1000,
      sliceMargin: 0.05,
      sliceSamplesMin: 20,
      deadlineMs: 2 * minute,
    },
    shadow: {
      devicesMin: 3,
      betterLimit: 20,
      harmLimit: 20,
      discordantPerDeviceMax: PAIRED_DISCORDANT_MAX,
      deadlineMs: hour,
      imported: true,
    },
    approval: "none",
    approvalDeadlineMs: day,
    holdDeadlineMs: day,
  },
  signing: { deadlineMs: 10 * minute },
  rollout: {
    canaryDevices: 3,
    minorityShare: 1,
    stages: [1],
    harmLimit: 20,
    discordantPerDeviceMax: PAIRED_DISCORDANT_MAX,
    margin: 0.02,
    alpha: 0.05,
    watchMs: minute,
    canaryDeadlineMs: hour,
    atCanaryDeadline: "hold",
    holdDeadlineMs: day,
    spreadDeadlineMs: hour,
    haltDeadlineMs: minute,
    bakeMs: minute,
    bakedShareMin: 0.5,
  },
  personal: { onPromotion: "keep", onRollback: "keep" },
  guards: "on",
};

/**
 * A policy with some of its parts replaced. It checks nothing: see `parsePolicy`.
 *
 * @example
 * mergePolicy(defaultPolicy, { window: { quorum: 4 } }).window; // => { quorum: 4, contributionsMin: 3, contributionsMax: 1024, deadlineMs: 600000 }
 */
export function mergePolicy(policy: LinePolicy, input: LinePolicyInput): LinePolicy {
  return mergeObject(policy, input) as LinePolicy;
}

function mergeObject(base: object, input: object): object {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(input)) {
    const before = merged[key];
    if (value === undefined) continue;
    merged[key] =
      isPlainObject(before) && isPlainObject(value) ? mergeObject(before, value) : value;
  }
  return merged;
}

function isPlainObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
