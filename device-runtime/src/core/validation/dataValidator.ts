// Looks at raw windows before anything is stored or trained. It must not decide what becomes of an unsound one.

import { Defect, unwrap } from "@attune/protocol";
import { checkDataRules, type DataProblem, type DataRules, dataProblems } from "./dataRules.ts";

/** How a raw window is laid out. */
export interface DataShape {
  readonly channelNames: readonly string[];
  readonly windowSamples: number;
  readonly layout: "channelsFirst" | "samplesFirst";
  readonly sampleRateHz: number;
}

/** Why a window is quarantined. */
export interface DataFinding {
  readonly code: DataProblem;
  /** Names the channel, the limit and the way out. */
  readonly message: string;
}

/** Windows and what was wrong with them; plain data. */
export interface DataCounts {
  readonly windows: number;
  readonly quarantined: number;
  /** By first reason; a gap is no window's. */
  readonly problems: Readonly<Record<DataProblem, number>>;
  /** What was found last, or null. */
  readonly last: DataFinding | null;
}

/** All that a validator remembers; plain data. */
export interface DataValidatorState {
  /** Left out, like the last time, before states had versions, which is the first. */
  readonly version?: 1;
  /** When the last samples were taken, or null: a gap over a restart is a gap. */
  readonly sampledAtMs?: number | null;
  readonly counts: DataCounts;
  /** Fingerprints of the last windows, two numbers each, oldest first. */
  readonly fingerprints: Uint32Array;
}

/** Looks at the windows of one stream. One owner. */
export interface DataValidator {
  /**
   * Looks at a raw window.
   *
   * - O(window); allocates nothing while windows are sound.
   *
   * @param window `(windowLength,)`; NaN and infinity are found whatever the rules are
   * @returns why it is to be quarantined, or null
   * @throws {@link Defect} `validation.window_invalid` for a window of another length
   */
  check(window: Float32Array): DataFinding | null;
  /**
   * Looks at the time between samples.
   *
   * @param sampleCount samples that arrive now
   * @param atMs when the last of them was taken; a clock that was set back is no gap, a time that is no number is not looked at
   * @returns what is missing before these samples, or null
   */
  checkGap(sampleCount: number, atMs: number): DataFinding | null;
  counts(): DataCounts;
  state(): DataValidatorState;
}

/**
 * Creates a validator, or goes on from a state.
 *
 * - State: 8 bytes for each window that is remembered, at most 2 KB.
 *
 * @param rules ones that `checkDataRules` accepts
 * @param before from {@link DataValidator.state}; one of another version, or that is not sound, is left aside
 * @throws Defect with the code of `checkDataRules` for rules that it refuses
 */
export function createDataValidator(
  rules: DataRules,
  shape: DataShape,
  before?: DataValidatorState,
): DataValidator {
  const state = before !== undefined && isSound(before) ? before : undefined;
  unwrap(checkDataRules(rules, shape.channelNames));
  const { channelNames, windowSamples, layout, sampleRateHz } = shape;
  const channelCount = channelNames.length;
  const length = channelCount * windowSamples;
  const sampleStep = layout === "channelsFirst" ? 1 : channelCount;
  const watched = rules.channels.map((rule) => {
    const channel = channelNames.indexOf(rule.channel);
    return {
      rule,
      first: layout === "channelsFirst" ? channel * windowSamples : channel,
      missingMax: samplesOf(rule.missing?.shareMax),
      saturatedMax: samplesOf(rule.saturation?.shareMax),
    };
  });
  const memory = rules.duplicateMemory;
  const fingerprints = new Uint32Array(2 * memory);
  // The same bytes as numbers and as bits.
  const copy = new Float32Array(memory === 0 ? 0 : length);
  const bits = new Int32Array(copy.buffer);
  // Signed numbers of 32 bits are never made on the heap.
  const signed = new Int32Array(fingerprints.buffer);
  // Of a longer memory the newest are kept.
  const known = state?.fingerprints ?? new Uint32Array(0);
  const remembered = known.subarray(Math.max(0, known.length - fingerprints.length));
  fingerprints.set(remembered);
  let rememberedCount = remembered.length / 2;
  let next = memory === 0 ? 0 : rememberedCount % memory;
  let windows = state?.counts.windows ?? 0;
  let quarantined = state?.counts.quarantined ?? 0;
  const problems: Record<DataProblem, number> = {
    ...(Object.fromEntries(dataProblems.map((code) => [code, 0])) as Record<DataProblem, number>),
    ...state?.counts.problems,
  };
  let last = state?.counts.last ?? null;
  let sampledAtMs = state?.sampledAtMs ?? null;

  /** 0.29 has no exact binary form: of 100 samples it is 29 and not 28. */
  function samplesOf(share = 0): number {
    return Math.floor(share * windowSamples + 1e-9);
  }

  function found(code: DataProblem, message: string): DataFinding {
    problems[code] += 1;
    last = { code, message };
    return last;
  }

  /** The first problem of a channel by the list's order, or null. */
  function look(
    window: Float32Array,
    { rule, first, missingMax, saturatedMax }: (typeof watched)[number],
  ): DataFinding | null {
    const { range, missing, stuckSamples, saturation } = rule;
    // Samples have the precision of Float32, in which a sensor at its end gives the limit's nearest number, not the limit. Nothing
    // compares with NaN: a rule that is not there never holds.
    const missingValue = Math.fround(missing?.value ?? Number.NaN);
    const least = Math.fround(range?.min ?? Number.NaN);
    const largest = Math.fround(range?.max ?? Number.NaN);
    const low = Math.fround(saturation?.low ?? Number.NaN);
    const high = Math.fround(saturation?.high ?? Number.NaN);
    let missingCount = 0;
    let outsideAt = -1;
    let saturatedCount = 0;
    let run = 0;
    let longestRun = 0;
    let previous = Number.NaN;
    for (let sample = 0, at = first; sample < windowSamples; sample++, at += sampleStep) {
      const value = window[at] as number;
      if (value === missingValue || Number.isNaN(value)) {
        missingCount += 1;
        continue;
      }
      if (value < least || value > largest) outsideAt = at;
      if (value <= low || value >= high) saturatedCount += 1;
      run = value === previous ? run + 1 : 1;
      if (run > longestRun) longestRun = run;
      previous = value;
    }
    const name = rule.channel;
    if (missing !== undefined && missingCount > missingMax) {
      return {
        code: "input.value_missing",
        message: `channel ${name} has no value in ${missingCount} of ${windowSamples} samples, limit ${missingMax}; look at the sensor's connection`,
      };
    }
    if (range !== undefined && outsideAt >= 0) {
      return {
        code: "input.value_outside",
        message: `channel ${name} gave ${window[outsideAt]}, it measures ${range.min} to ${range.max}; look at the sensor, or correct the package's data rules`,
      };
    }
    if (saturation !== undefined && saturatedCount > saturatedMax) {
      return {
        code: "input.channel_saturated",
        message: `channel ${name} was at its end in ${saturatedCount} of ${windowSamples} samples, limit ${saturatedMax}; give the sensor a wider range`,
      };
    }
    if (stuckSamples !== undefined && longestRun >= stuckSamples) {
      return {
        code: "input.channel_stuck",
        message: `channel ${name} gave the same value ${longestRun} times in a row, limit ${stuckSamples}; start the sensor again`,
      };
    }
    return null;
  }

  /** Makes the fingerprint in a place the newest, which goes last. */
  function renew(place: number): void {
    const high = signed[2 * place] as number;
    const low = signed[2 * place + 1] as number;
    let at = place;
    for (const newest = (next - 1 + memory) % memory; at !== newest; ) {
      const after = (at + 1) % memory;
      signed[2 * at] = signed[2 * after] as number;
      signed[2 * at + 1] = signed[2 * after + 1] as number;
      at = after;
    }
    signed[2 * at] = high;
    signed[2 * at + 1] = low;
  }

  /** Whether the same window is remembered; remembers it, once more as the newest. */
  function isRepeated(window: Float32Array): boolean {
    if (memory === 0) return false;
    copy.set(window);
    // Four sums side by side: one alone waits for itself at every step.
    let a = 1;
    let b = 2;
    let c = 3;
    let d = 4;
    const whole = bits.length & ~3;
    for (let at = 0; at < whole; at += 4) {
      a = stir(a, bits[at] as number);
      b = stir(b, bits[at + 1] as number);
      c = stir(c, bits[at + 2] as number);
      d = stir(d, bits[at + 3] as number);
    }
    for (let at = whole; at < bits.length; at++) a = stir(a, bits[at] as number);
    const high = stir(stir(stir(a, b), c), d);
    const low = stir(stir(stir(d, c), b), a);
    for (let place = 0; place < rememberedCount; place++) {
      if (signed[2 * place] === high && signed[2 * place + 1] === low) {
        renew(place);
        return true;
      }
    }
    signed[2 * next] = high;
    signed[2 * next + 1] = low;
    next = (next + 1) % memory;
    rememberedCount = Math.min(memory, rememberedCount + 1);
    return false;
  }

  /** A number that is none, in a channel that has a rule or none; or null. */
  function lookForEndless(window: Float32Array): DataFinding | null {
    let rest = 0;
    // A finite number less itself is 0, any other is NaN, and stays.
    for (let at = 0; at < window.length; at++)
      rest += (window[at] as number) - (window[at] as number);
    if (rest === 0) return null;
    const at = window.findIndex((value) => !Number.isFinite(value));
    const channel = layout === "channelsFirst" ? Math.floor(at / windowSamples) : at % channelCount;
    return {
      code: "input.not_finite",
      message: `channel ${channelNames[channel]} gave ${window[at]}, which is no number; leave the window out, or mend the sensor`,
    };
  }

  function counts(): DataCounts {
    return { windows, quarantined, problems: { ...problems }, last };
  }

  return {
    check(window) {
      if (window.length !== length) {
        throw new Defect(
          "validation.window_invalid",
          `the window has ${window.length} numbers, the rules are for ${length}`,
        );
      }
      windows += 1;
      let worst = lookForEndless(window);
      for (let place = 0; place < watched.length; place++) {
        const finding = look(window, watched[place] as (typeof watched)[number]);
        if (finding !== null && (worst === null || isBefore(finding.code, worst.code))) {
          worst = finding;
        }
      }
      const repeated = isRepeated(window);
      if (worst === null && repeated) {
        worst = {
          code: "input.window_duplicated",
          message: `the window is the same as one of the ${memory} before it; hand each in once`,
        };
      }
      if (worst === null) return null;
      quarantined += 1;
      return found(worst.code, worst.message);
    },
    checkGap(sampleCount, atMs) {
      if (!Number.isFinite(atMs)) return null;
      const beforeMs = sampledAtMs;
      sampledAtMs = atMs;
      if (rules.gapMsMax === null || beforeMs === null) return null;
      const missingMs = atMs - beforeMs - (sampleCount * 1000) / sampleRateHz;
      if (!(missingMs > rules.gapMsMax)) return null;
      return found(
        "input.sampling_gap",
        `${Math.round(missingMs)} ms are missing before these samples, limit ${rules.gapMsMax}; windows begin anew behind the gap`,
      );
    },
    counts,
    state() {
      const inOrder = new Uint32Array(2 * rememberedCount);
      const oldest = rememberedCount < memory ? 0 : next;
      for (let place = 0; place < rememberedCount; place++) {
        const from = 2 * ((oldest + place) % memory);
        inOrder[2 * place] = fingerprints[from] as number;
        inOrder[2 * place + 1] = fingerprints[from + 1] as number;
      }
      return { version: 1, counts: counts(), fingerprints: inOrder, sampledAtMs };
    },
  };
}

/** Whether a state can be gone on from: of a version that is known, with counts that are some. */
function isSound({ version = 1, counts, fingerprints, sampledAtMs }: DataValidatorState): boolean {
  const { windows, quarantined, problems, last } = counts ?? {};
  const isFinding = last === null || (isCode(last?.code) && typeof last.message === "string");
  return (
    version === 1 &&
    fingerprints instanceof Uint32Array &&
    fingerprints.length % 2 === 0 &&
    (sampledAtMs == null || Number.isFinite(sampledAtMs)) &&
    isFinding &&
    typeof problems === "object" &&
    problems !== null &&
    Object.entries(problems).every(([code, count]) => isCode(code) && isCount(count)) &&
    isCount(windows) &&
    isCount(quarantined)
  );
}

function isCode(code: unknown): boolean {
  return dataProblems.includes(code as DataProblem);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Mixes a word into a fingerprint. */
function stir(fingerprint: number, word: number): number {
  const mixed = Math.imul(fingerprint ^ word, 0x5bd1e995);
  return Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
}

function isBefore(code: DataProblem, other: DataProblem): boolean {
  return dataProblems.indexOf(code) < dataProblems.indexOf(other);
}
