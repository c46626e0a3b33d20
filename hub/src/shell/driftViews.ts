// Answers to "what drifts", kept for whoever asks next: putting ten thousand devices together takes a tenth of a second, and screens
// ask again and again. It must not know what an answer says.
import type { FleetDrift } from "../core/drift/fleetDrift.ts";
import {
  DRIFT_FRESH_DEVICES_MAX,
  DRIFT_SILENT_MS,
  DRIFT_VIEW_AGE_MS,
  DRIFT_VIEWS_MAX,
} from "../limits.ts";

/** What an answer was made of. */
export interface DriftSources {
  /** Rises with everything that can change an answer, other than time. */
  readonly revision: number;
  readonly nowMs: number;
}

/** An answer, and what else it depends on. */
export interface MadeView {
  readonly view: FleetDrift;
  readonly deviceCount: number;
  /** When the device was heard of whose silence comes first; null when nobody was. */
  readonly oldestMs: number | null;
}

interface KeptView extends MadeView, DriftSources {}

/** Answers that are kept. */
export interface DriftViews {
  /** The answer of that name: the one that is kept while nothing has changed, or while it is young enough for so many devices. */
  of(name: string, sources: DriftSources, make: () => MadeView): FleetDrift;
}

/**
 * Creates an empty place for answers; at most `DRIFT_VIEWS_MAX` are kept, those that were asked for last.
 *
 * Up to `DRIFT_FRESH_DEVICES_MAX` devices an answer is never older than the last change. Beyond, reports come all the time and each is a
 * change, so an answer may be `DRIFT_VIEW_AGE_MS` old: what it says began hours ago.
 */
export function createDriftViews(): DriftViews {
  const views = new Map<string, KeptView>();
  return {
    of(name, sources, make) {
      const kept = views.get(name);
      views.delete(name);
      const next = kept !== undefined && isGood(kept, sources) ? kept : { ...make(), ...sources };
      views.set(name, next);
      for (const oldest of views.keys()) {
        if (views.size <= DRIFT_VIEWS_MAX) break;
        views.delete(oldest);
      }
      return next.view;
    },
  };
}

function isGood(kept: KeptView, { revision, nowMs }: DriftSources): boolean {
  // A clock that was set back makes an answer of unknown age.
  if (nowMs < kept.nowMs) return false;
  if (kept.oldestMs !== null && nowMs - kept.oldestMs > DRIFT_SILENT_MS) return false;
  if (revision === kept.revision) return true;
  return kept.deviceCount > DRIFT_FRESH_DEVICES_MAX && nowMs - kept.nowMs < DRIFT_VIEW_AGE_MS;
}
