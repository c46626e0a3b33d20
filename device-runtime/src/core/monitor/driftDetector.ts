// What all classic drift detectors share: three answers, values that are left aside, memory that is saved. It must not know any rule.
import { Defect } from "@attune/protocol";

/** What a detector says after an observation. */
export type DriftLevel = "normal" | "warning" | "drift";

/** The rules, by name. */
export type DriftDetectorKind =
  | "adwin"
  | "ddm"
  | "eddm"
  | "hddmA"
  | "hddmW"
  | "pageHinkley"
  | "kswin"
  | "cusum";

/** Plain data: numbers, and typed arrays of a fixed length. */
export type DetectorMemory<Memory> = {
  [key in keyof Memory]: number | Float64Array | Uint32Array;
};

/** All that a {@link DriftDetector} remembers; plain data for CBOR. */
export interface DriftDetectorState<Memory> {
  readonly version: 1;
  readonly kind: DriftDetectorKind;
  /** Observations taken in. */
  readonly sampleCount: number;
  /** Observations left aside: not a number, infinite, or outside the detector's range. */
  readonly skippedCount: number;
  readonly driftCount: number;
  readonly memory: Readonly<Memory>;
}

/** A running detector. One owner; observing changes it. */
export interface DriftDetector<Memory> {
  readonly kind: DriftDetectorKind;
  /**
   * Takes in one observation. After `drift` the rule starts again by itself.
   *
   * What the rule can not use (NaN, an infinity, a value out of its range) changes nothing but `skippedCount`; the answer is
   * then `normal`. Allocates nothing.
   */
  observe(value: number): DriftLevel;
  /** A copy of what it remembers, to go on from later. */
  state(): DriftDetectorState<Memory>;
}

/** One rule: how memory starts, what it takes, what one observation does to it. */
export interface DriftRule<Memory> {
  readonly kind: DriftDetectorKind;
  readonly memory: Memory;
  /** Values outside are left aside, and so is NaN. */
  readonly valueMin: number;
  readonly valueMax: number;
  /** Restarts its memory itself when it answers `drift`. */
  step(memory: Memory, value: number): DriftLevel;
  /** Whether counts and places of a memory from outside are ones that it can have; a memory of plain sums needs none. */
  isSound?(memory: Readonly<Memory>): boolean;
}

/** Larger values have squares that a sum of many no longer holds: `(1e100)² · 1e9` is still far below `1.8e308`. */
export const detectorValueMax = 1e100;

/** What rules on numbers of any size take. */
export const anyNumber: { readonly valueMin: number; readonly valueMax: number } = {
  valueMin: -detectorValueMax,
  valueMax: detectorValueMax,
};

/** What rules on errors take: 1 for an error, 0 for none, or a share of a block. */
export const ratesOnly: { readonly valueMin: number; readonly valueMax: number } = {
  valueMin: 0,
  valueMax: 1,
};

/**
 * Runs a rule, from its start or from a state.
 *
 * @throws Defect `detector.state_invalid` when the state is of another rule, version or size, holds NaN, or counts what cannot be.
 */
export function createDriftDetector<Memory extends DetectorMemory<Memory>>(
  rule: DriftRule<Memory>,
  state: DriftDetectorState<Memory> | undefined,
): DriftDetector<Memory> {
  const { kind, memory, valueMin, valueMax } = rule;
  let sampleCount = 0;
  let skippedCount = 0;
  let driftCount = 0;
  if (state !== undefined) {
    const isSound =
      state.version === 1 &&
      state.kind === kind &&
      [state.sampleCount, state.skippedCount, state.driftCount].every(isCount) &&
      fits(state.memory, memory) &&
      (rule.isSound?.(state.memory) ?? true);
    if (!isSound) {
      throw new Defect(
        "detector.state_invalid",
        `state is of ${state.kind}, version ${state.version}; ${kind}, version 1 with the same settings is needed, whole counts and no NaN`,
      );
    }
    Object.assign(memory, copyOf(state.memory));
    ({ sampleCount, skippedCount, driftCount } = state);
  }
  return {
    kind,
    observe(value) {
      if (!(value >= valueMin && value <= valueMax)) {
        skippedCount++;
        return "normal";
      }
      sampleCount++;
      const level = rule.step(memory, value);
      if (level === "drift") driftCount++;
      return level;
    },
    state: () => ({
      version: 1,
      kind,
      sampleCount,
      skippedCount,
      driftCount,
      memory: copyOf(memory),
    }),
  };
}

/** Whether a number can count something. */
export function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function copyOf<Memory extends DetectorMemory<Memory>>(memory: Memory): Memory {
  const copy = { ...memory };
  for (const key in copy) {
    const value: number | Float64Array | Uint32Array = copy[key];
    if (typeof value !== "number") copy[key] = value.slice() as Memory[typeof key];
  }
  return copy;
}

function fits<Memory extends DetectorMemory<Memory>>(given: Memory, own: Memory): boolean {
  for (const key in own) {
    const wanted: number | Float64Array | Uint32Array = own[key];
    const value: number | Float64Array | Uint32Array | undefined = given[key];
    if (typeof wanted === "number") {
      if (typeof value !== "number" || Number.isNaN(value)) return false;
    } else if (
      typeof value !== "object" ||
      value.constructor !== wanted.constructor ||
      value.length !== wanted.length ||
      value.some((entry) => Number.isNaN(entry))
    ) {
      return false;
    }
  }
  return true;
}
