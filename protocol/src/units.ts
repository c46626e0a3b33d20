// Branded units, so that a millisecond is never added to a byte. No arithmetic belongs here.
import type { Brand } from "./ids.ts";

/** Milliseconds since 1970-01-01T00:00:00Z by the clock of whoever wrote it. */
export type EpochMs = Brand<number, "EpochMs">;
/** A span of milliseconds, `>= 0`. */
export type DurationMs = Brand<number, "DurationMs">;
/** A count of optimizer steps, `>= 0`. */
export type StepCount = Brand<number, "StepCount">;
/** Only ever rises, per model line and across the whole fleet. */
export type DecisionSequence = Brand<number, "DecisionSequence">;
/** Place of a version in its lineage; a rollback lowers it. */
export type Generation = Brand<number, "Generation">;
/** Only ever rises; no version below a device's floor is activated again. */
export type SecurityEpoch = Brand<number, "SecurityEpoch">;
