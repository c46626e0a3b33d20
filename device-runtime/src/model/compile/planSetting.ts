// How a number of a plan is checked. Plans may come out of a package, so what is out of range is turned away, not asserted.
import { turnAway } from "../turnAway.ts";

/** In `[0, 1)`. */
export const isShare = (value: number): boolean => value >= 0 && value < 1;

/** `>= 0`. */
export const isNotNegative = (value: number): boolean => value >= 0;

/** `> 0`. */
export const isPositive = (value: number): boolean => value > 0;

/** The number given, or its default where it is left out; turned away when it is not finite or out of range. */
export function setting(
  name: string,
  value: number | undefined,
  fallback: number,
  isFine: (value: number) => boolean,
  range: string,
): number {
  const chosen = value ?? fallback;
  if (!Number.isFinite(chosen) || !isFine(chosen)) {
    turnAway("model.plan_invalid", `${name} is ${chosen}, must be ${range}`);
  }
  return chosen;
}
