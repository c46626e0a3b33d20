// Decides whether a number keeps its promise. Knows nothing of where the number comes from.

import type { Bar, BarOperator } from "./suite.ts";

const holdsBy: Record<BarOperator, (value: number, limit: number) => boolean> = {
  ">=": (value, limit) => value >= limit,
  "<=": (value, limit) => value <= limit,
  ">": (value, limit) => value > limit,
  "<": (value, limit) => value < limit,
  "==": (value, limit) => value === limit,
};

/**
 * A bar: a measured value against its limit.
 *
 * - Pure. `holds` is false when `value` or `limit` is NaN: what was not measured keeps no promise.
 *
 * @example
 * bar("times tfjs cpu", 61.5, ">=", 50).holds; // => true
 */
export function bar(name: string, value: number, op: BarOperator, limit: number): Bar {
  return { name, value, op, limit, holds: holdsBy[op](value, limit) };
}
