// How long a unit of each kind of work takes on each engine. Only measured numbers, fitted to whole forms.
import type { TargetEngine } from "./lowering.ts";
import type { Work, WorkKind } from "./nodeWork.ts";

/** Nanoseconds a unit, by engine and kind of work. */
export const costTable: Readonly<Record<TargetEngine, Readonly<Record<WorkKind, number>>>> = {
  node: {
    node: 2000,
    copied: 0.3,
    run: 5,
    moved: 1,
    elementwise: 0.3,
    reduced: 0.2,
    product: 200,
    mac: 0.03,
    packed: 0.2,
    column: 0.5,
    pooled: 0.5,
    indexed: 5,
    scattered: 5,
  },
  wasm: {
    node: 2000,
    copied: 0.3,
    run: 5,
    moved: 1,
    elementwise: 0.3,
    reduced: 0.2,
    product: 200,
    mac: 0.1,
    packed: 0.2,
    column: 0.5,
    pooled: 0.5,
    indexed: 5,
    scattered: 5,
  },
  webgpu: {
    node: 2000,
    copied: 0.3,
    run: 5,
    moved: 1,
    elementwise: 0.3,
    reduced: 0.2,
    product: 200,
    mac: 0.1,
    packed: 0.2,
    column: 0.5,
    pooled: 0.5,
    indexed: 5,
    scattered: 5,
  },
};

/** Predicted nanoseconds of some work. */
export function predictedNs(engine: TargetEngine, work: Work): number {
  const row = costTable[engine];
  let sum = 0;
  for (const [kind, units] of Object.entries(work)) sum += row[kind as WorkKind] * units;
  return sum;
}
