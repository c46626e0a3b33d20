// What the single positions of a sliding window see. Shared by the gradients of convolutions and pools.
import type { GraphEmitter } from "../graph/graphEmitter.ts";
import { reachOf, type Window } from "../graph/window.ts";
import { WRITTEN_TAPS_MAX } from "../limits.ts";

/** Whether a kernel has so few positions that a form may be written position by position. */
export function areTapsFew(kernel: readonly number[]): boolean {
  return kernel.reduce((product, size) => product * size, 1) <= WRITTEN_TAPS_MAX;
}

/** All positions of a kernel, row-major. */
export function positionsOf(kernel: readonly number[]): readonly (readonly number[])[] {
  return kernel.reduce<number[][]>(
    (found, size) =>
      found.flatMap((position) => Array.from({ length: size }, (_, at) => [...position, at])),
    [[]],
  );
}

/** How far the last window of each axis reaches behind the data; negative where it ends before it. */
export function beyondWindows(window: Window): readonly number[] {
  return window.inputSizes.map(
    (size, axis) => reachOf(window, axis) - size - (window.padsBefore[axis] ?? 0),
  );
}

/**
 * What one position of the kernel sees, in all windows.
 *
 * @param padded the data with its padding in front; behind, it reaches at least as far as the last window
 * @param first the axis at which the spatial axes begin
 */
export function seenBy(
  emit: GraphEmitter,
  window: Window,
  padded: string,
  position: readonly number[],
  first: number,
): string {
  const starts = position.map((at, axis) => at * (window.dilations[axis] ?? 1));
  const ends = starts.map(
    (start, axis) =>
      start + ((window.outputSizes[axis] ?? 1) - 1) * (window.strides[axis] ?? 1) + 1,
  );
  const steps = window.strides.some((stride) => stride > 1) ? [emit.integers(window.strides)] : [];
  return emit.node("Slice", [
    padded,
    emit.integers(starts),
    emit.integers(ends),
    emit.integers(starts.map((_, axis) => axis + first)),
    ...steps,
  ]);
}
