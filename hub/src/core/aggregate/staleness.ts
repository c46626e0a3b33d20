// How far a BaseVersion is behind the champion, along the lineage. It must not know contributions.
import type { ModelVersion } from "@attune/protocol";

/** The version that a version was made from; null for the first of a line, or one of another graph. */
export type ParentOf = (version: ModelVersion) => ModelVersion | null;

/**
 * Steps from the champion back to a base; null when the base is not among its ancestors within `stepsMax`, as for a version that
 * was rolled back or that is still a canary.
 *
 * @param stepsMax how far to look, `>= 0`
 */
export function stalenessOf(
  base: ModelVersion,
  champion: ModelVersion,
  parentOf: ParentOf,
  stepsMax: number,
): number | null {
  let ancestor: ModelVersion | null = champion;
  for (let steps = 0; steps <= stepsMax && ancestor !== null; steps += 1) {
    if (ancestor === base) return steps;
    ancestor = parentOf(ancestor);
  }
  return null;
}
