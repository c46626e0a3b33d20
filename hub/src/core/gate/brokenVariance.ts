// Whether a normalisation of a challenger divides by what is no variance. It must not compare answers.
import { joinModel, runningVariances } from "@attune/device-runtime/model";
import { type ParameterSet, unwrap } from "@attune/protocol";

/** A running variance with a value at which it is none. */
export interface BrokenVariance {
  /** Of the parameter. */
  readonly name: string;
  /** Its first such value. */
  readonly value: number;
}

/**
 * The first running variance of a challenger with a value that is not above zero; null when there is none.
 *
 * Deltas are added and rounded like any other numbers, so a mean of honest ones can take a small variance below zero. With the
 * normalisation's epsilon it may still answer, with channels blown up for everybody. A zero that the champion has in the same place is a channel
 * that never varied, and stays allowed.
 *
 * - Pure, O(bytes).
 *
 * @param champion null when there is none
 */
export function brokenVariance(
  graph: Uint8Array,
  parameters: ParameterSet,
  champion: ParameterSet | null,
): BrokenVariance | null {
  const names = unwrap(runningVariances(unwrap(joinModel(graph, parameters))));
  if (names.size === 0) return null;
  const before = new Map(champion?.map(({ name, data }) => [name, data]));
  for (const { name, data } of parameters) {
    if (!names.has(name)) continue;
    const known = before.get(name);
    const value = data.find((one, at) => !(one > 0) && !(one === 0 && (known?.[at] ?? 0) === 0));
    if (value !== undefined) return { name, value };
  }
  return null;
}
