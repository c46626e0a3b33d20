// What sound sensor data looks like, declared in a model package. It must not look at any data.
import { accept, type Outcome, refuse } from "@attune/protocol";

/** What can be wrong with the data of a window, in the order in which it is said: the first one that holds is the reason. */
export const dataProblems = [
  "input.value_missing",
  "input.not_finite",
  "input.value_outside",
  "input.channel_saturated",
  "input.channel_stuck",
  "input.window_duplicated",
  "input.sampling_gap",
] as const;

/** One of {@link dataProblems}. */
export type DataProblem = (typeof dataProblems)[number];

/** What sound data of one channel looks like; plain data. What is left out is not checked. Limits are met in the precision of samples, Float32. */
export interface ChannelRule {
  /** As in the package's preprocessing. */
  readonly channel: string;
  /** Raw units: below and above it nothing can be measured. */
  readonly range?: { readonly min: number; readonly max: number } | undefined;
  /** A value that stands for "no value", such as -9999; NaN stands for none, too, and makes a window unsound however few there are. */
  readonly missing?: { readonly value: number; readonly shareMax: number } | undefined;
  /** So many times the very same value in a row is a sensor that hangs: more than it ever rests. */
  readonly stuckSamples?: number | undefined;
  /** At `low` or below, at `high` or above, the sensor is at its end; so large a share of a window may be. */
  readonly saturation?:
    | { readonly low: number; readonly high: number; readonly shareMax: number }
    | undefined;
}

/** What sound data looks like; plain data of a model package. */
export interface DataRules {
  readonly channels: readonly ChannelRule[];
  /** A window that is the same to the last bit as one of so many different ones before it came twice. 0: not checked. */
  readonly duplicateMemory: number;
  /** Between two calls with samples, longer than the samples between them account for. Null: not checked. */
  readonly gapMsMax: number | null;
}

/** 256 fingerprints of 8 bytes a user. */
export const duplicateMemoryMax = 256;

/** Nothing is checked but that numbers are finite, which is always. */
export const noDataRules: DataRules = { channels: [], duplicateMemory: 0, gapMsMax: null };

/**
 * Checks rules from outside against the channels that they are for.
 *
 * @param rules whatever came: it is returned as rules only when it is some
 * @param windowSamples a rule that no window of so many could break is refused; not looked at when left out
 * @returns `input.shape_mismatch`
 */
export function checkDataRules(
  rules: DataRules,
  channelNames: readonly string[],
  windowSamples: number = Number.POSITIVE_INFINITY,
): Outcome<DataRules> {
  if (!isRecord(rules) || !Array.isArray(rules.channels)) {
    return refuse("input.shape_mismatch", "data rules have no list of channels; it may be empty");
  }
  const { channels, duplicateMemory, gapMsMax } = rules;
  const seen = new Set<string>();
  for (const [place, rule] of channels.entries()) {
    const wrong = isRecord(rule) ? problemOf(rule, channelNames, seen, windowSamples) : "is none";
    if (wrong !== null) return refuse("input.shape_mismatch", `data rule ${place} ${wrong}`);
    seen.add(rule.channel);
  }
  const isMemory =
    Number.isInteger(duplicateMemory) &&
    duplicateMemory >= 0 &&
    duplicateMemory <= duplicateMemoryMax;
  if (!isMemory || !(gapMsMax === null || (Number.isFinite(gapMsMax) && gapMsMax >= 0))) {
    return refuse(
      "input.shape_mismatch",
      `data rules remember ${duplicateMemory} windows and allow gaps of ${gapMsMax} ms; 0 to ${duplicateMemoryMax}, and 0 or more or null`,
    );
  }
  return accept(rules);
}

function problemOf(
  { channel, range, missing, stuckSamples, saturation }: ChannelRule,
  channelNames: readonly string[],
  seen: ReadonlySet<string>,
  windowSamples: number,
): string | null {
  if (!channelNames.includes(channel)) return `is of none of ${channelNames.length} channels`;
  if (seen.has(channel)) return `is a second one of channel ${channel}; make it one`;
  if (range !== undefined && !(isRecord(range) && isRising(range.min, range.max))) {
    return `of channel ${channel} has no range; two numbers, the first less`;
  }
  if (
    missing !== undefined &&
    !(isRecord(missing) && Number.isFinite(missing.value) && isShare(missing.shareMax))
  ) {
    return `of channel ${channel} says of no value when it is missing; a finite value and a share below 1`;
  }
  if (stuckSamples !== undefined && !(Number.isInteger(stuckSamples) && stuckSamples >= 2)) {
    return `of channel ${channel} says not when it is stuck; after 2 samples or more`;
  }
  if (stuckSamples !== undefined && stuckSamples > windowSamples) {
    return `of channel ${channel} holds it for stuck after ${stuckSamples} samples, a window has ${windowSamples}; name as many or fewer`;
  }
  if (
    saturation !== undefined &&
    !(
      isRecord(saturation) &&
      isRising(saturation.low, saturation.high) &&
      isShare(saturation.shareMax)
    )
  ) {
    return `of channel ${channel} says not when it is saturated; two numbers, the first less, and a share below 1`;
  }
  return null;
}

function isRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function isRising(low: unknown, high: unknown): boolean {
  return typeof low === "number" && typeof high === "number" && low < high;
}

function isShare(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && value < 1;
}
