// What happens to a person over time, as data, and how much of it holds at a moment. It must not know any signal.

/**
 * One thing that changes a person's signals.
 *
 * - `injury`: walks slower and limps, with less arm swing and softer steps. Postures stay as they were.
 * - `strapTurned`: the wearable has slid around the limb, up to 95 degrees. The person moves as before, every axis reads differently.
 * - `winterClothing`: worn over a thick sleeve: steps arrive damped and blunt, and the sensor sits tilted.
 */
export type ChangeKind = "injury" | "strapTurned" | "winterClothing";

/** A change with its course: nothing before `fromMs`, then a straight rise over `riseMs` up to `severity`, for ever. */
export interface PersonChange {
  readonly kind: ChangeKind;
  /** Start, ms of the person's own time. */
  readonly fromMs: number;
  /** How long it takes to reach its full severity, ms, `>= 0`; 0 is a step. */
  readonly riseMs: number;
  /** In `(0, 1]`: 1 is the strongest case described at {@link ChangeKind}. */
  readonly severity: number;
}

/** How much of each change holds at one moment, each in `[0, 1]`. */
export interface Condition {
  readonly injury: number;
  readonly strapTurned: number;
  readonly winterClothing: number;
}

/**
 * The condition of a person at a moment: the scenario as a pure function of time.
 *
 * Changes of one kind do not add up, the strongest counts.
 *
 * @example
 * const changes = [{ kind: "injury", fromMs: 1000, riseMs: 2000, severity: 0.8 }] as const;
 * conditionAt(changes, 2000); // => { injury: 0.4, strapTurned: 0, winterClothing: 0 }
 */
export function conditionAt(changes: readonly PersonChange[], atMs: number): Condition {
  const level: Record<ChangeKind, number> = { injury: 0, strapTurned: 0, winterClothing: 0 };
  for (const change of changes) {
    if (atMs < change.fromMs) continue;
    const risen = change.riseMs === 0 ? 1 : Math.min(1, (atMs - change.fromMs) / change.riseMs);
    level[change.kind] = Math.max(level[change.kind], risen * change.severity);
  }
  return level;
}
