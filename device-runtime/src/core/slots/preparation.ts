// A version on its way to be loaded: record, parts, load, each with a deadline and growing pauses. It must not know which slot
// it is for.
import { checkReleaseRecord, type RefusalCode, type TrustRoot } from "@attune/protocol";
import { backoffMs } from "../backoff.ts";
import {
  FETCH_DEADLINE_MS,
  FETCH_PAUSE_MS,
  FETCH_PAUSE_MS_MAX,
  LOAD_DEADLINE_MS,
} from "../limits.ts";
import { type CoreContext, hubOf } from "../transition.ts";
import type { Preparation, PreparationSource, SlotVersion, VersionParts } from "./slotState.ts";

/** A preparation that starts now. */
export function startPreparation(
  serial: number,
  source: PreparationSource,
  nowMs: number,
): Preparation {
  return {
    serial,
    source,
    phase: source.kind === "release" ? "record" : "parts",
    isRunning: true,
    untilMs: nowMs + FETCH_DEADLINE_MS,
    attempt: 0,
    waiting: "",
    record: null,
    version:
      source.kind === "release"
        ? null
        : { ...source.base, version: source.shadow.version, source: "release" },
    refusal: null,
  };
}

/** The bytes of the release record are there: they are checked before anything else is fetched. */
export function recordFetched(
  preparation: Preparation,
  bytes: Uint8Array,
  root: TrustRoot,
  context: CoreContext,
): Preparation {
  const { source } = preparation;
  const { line } = context.settings;
  if (preparation.phase !== "record" || source.kind !== "release") return preparation;
  const record = checkReleaseRecord(bytes, line, source.target, root, hubOf(context).cryptography);
  if (!record.ok) return preparationRefused(preparation, record.refusal);
  const { version, generation, securityEpoch, parts } = record.value;
  return {
    ...preparation,
    phase: "parts",
    record: record.value,
    version: {
      version,
      generation,
      securityEpoch,
      source: "release",
      parts: {
        graph: parts.graph.digest,
        parameters: parts.parameters.digest,
        preprocessing: parts.preprocessing.digest,
        calibration: parts.calibration.digest,
        learning: parts.learning.digest,
      },
    },
    isRunning: true,
    untilMs: context.nowMs + FETCH_DEADLINE_MS,
    attempt: 0,
    waiting: "",
  };
}

/** Every part is on disk, each with its digest. */
export function partsFetched(
  preparation: Preparation,
  parts: VersionParts,
  nowMs: number,
): Preparation {
  if (preparation.phase !== "parts" || preparation.version === null) return preparation;
  return {
    ...preparation,
    phase: "load",
    version: { ...preparation.version, parts },
    isRunning: true,
    untilMs: nowMs + LOAD_DEADLINE_MS,
    attempt: 0,
    waiting: "",
  };
}

/** The version is loaded, and gave finite numbers on its probe. */
export function versionLoaded(preparation: Preparation): Preparation {
  if (preparation.phase !== "load") return preparation;
  return { ...preparation, phase: "ready", isRunning: false, waiting: "" };
}

/** What arrived is false, or cannot be loaded: trying again would not help. */
export function preparationRefused(
  preparation: Preparation,
  refusal: { readonly code: RefusalCode; readonly message: string },
): Preparation {
  return { ...preparation, phase: "refused", isRunning: false, waiting: "", refusal };
}

/** The step at work failed for reasons that may pass. */
export function preparationFailed(
  preparation: Preparation,
  reason: string,
  context: CoreContext,
): Preparation {
  if (!preparation.isRunning) return preparation;
  return {
    ...preparation,
    isRunning: false,
    waiting: reason,
    attempt: preparation.attempt + 1,
    untilMs:
      context.nowMs +
      backoffMs(preparation.attempt, FETCH_PAUSE_MS, FETCH_PAUSE_MS_MAX, context.jitter),
  };
}

/** Starts the next attempt, or ends one that has taken too long. `isNow` cuts a pause short, as when the link comes back. */
export function settlePreparation(
  preparation: Preparation,
  context: CoreContext,
  isNow: boolean,
): Preparation {
  const { phase, isRunning, untilMs } = preparation;
  if (phase === "ready" || phase === "refused") return preparation;
  if (isRunning) {
    if (context.nowMs < untilMs) return preparation;
    return preparationFailed(preparation, `${phase} took too long`, context);
  }
  if (!isNow && context.nowMs < untilMs) return preparation;
  return {
    ...preparation,
    isRunning: true,
    untilMs: context.nowMs + (phase === "load" ? LOAD_DEADLINE_MS : FETCH_DEADLINE_MS),
  };
}

/** When a preparation needs to be looked at again. */
export function preparationDeadlineMs(preparation: Preparation | null): number | null {
  if (preparation === null || preparation.phase === "ready" || preparation.phase === "refused") {
    return null;
  }
  return preparation.untilMs;
}

/** The version of a preparation that is ready. */
export function readyVersion(preparation: Preparation | null): SlotVersion | null {
  return preparation?.phase === "ready" ? preparation.version : null;
}
