// How long a unit of each kind of work takes on each engine. Only numbers that were measured, or are said to be estimates.
import type { TargetEngine } from "./lowering.ts";
import type { Work, WorkKind } from "./nodeWork.ts";

/**
 * Nanoseconds a unit, by engine and kind of work.
 *
 * `node` and `wasm` are fitted to the times of 151 forms at 59 places of seven networks, one thread, by least squares of the relative error, with
 * onnxruntime 1.30 on a 2-core x86-64 server with AVX-512; what a call and handing elements in and out cost is fitted beside and left out. They
 * predict a form within 7 % (node) and 5 % (wasm; medians), and at 56 and 58 of the 59 places the form predicted to be fastest is within 10 % of the fastest.
 * `npm run bench -- lowerings` measures that on networks, and with `--fit yes` fits again. Other machines are faster or slower as a whole, which
 * changes no choice; where a device differs in kind, let it time the forms.
 *
 * `webgpu` is an estimate, since no such device was at hand: a dispatch costs tens of microseconds and an element next to nothing, so the form
 * with the fewest nodes wins unless it does far more work. Let such a device time the forms.
 */
const costTable: Readonly<Record<TargetEngine, Readonly<Record<WorkKind, number>>>> = {
  node: {
    node: 1020,
    copied: 0.139,
    run: 6.6,
    picked: 1.7,
    repeated: 9.53,
    moved: 0.29,
    shuffled: 2.82,
    elementwise: 0.159,
    reduced: 0.1,
    product: 126,
    mac: 0.0102,
    column: 0.168,
    columnRun: 3.43,
    folded: 0.465,
    foldedOdd: 3.07,
    foldedRun: 0.853,
    pooled: 0.581,
    indexed: 2.06,
    scattered: 1.44,
  },
  wasm: {
    node: 969,
    copied: 0.18,
    run: 9.75,
    picked: 2,
    repeated: 15.5,
    moved: 0.378,
    shuffled: 1.61,
    elementwise: 0.221,
    reduced: 0.0604,
    product: 97.7,
    mac: 0.0524,
    column: 0.0905,
    columnRun: 4.69,
    folded: 0.591,
    foldedOdd: 4.67,
    foldedRun: 0.561,
    pooled: 1.26,
    indexed: 2.05,
    scattered: 2.1,
  },
  webgpu: {
    node: 30000,
    copied: 0.02,
    run: 0,
    picked: 0.02,
    repeated: 0.02,
    moved: 0.02,
    shuffled: 0.02,
    elementwise: 0.02,
    reduced: 0.02,
    product: 0,
    mac: 0.002,
    column: 0.01,
    columnRun: 0,
    folded: 0.02,
    foldedOdd: 0.02,
    foldedRun: 0,
    pooled: 0.02,
    indexed: 0.02,
    scattered: 0.02,
  },
};

/** Predicted nanoseconds of some work. */
export function predictedNs(engine: TargetEngine, work: Work): number {
  const row = costTable[engine];
  let sum = 0;
  for (const [kind, units] of Object.entries(work)) sum += row[kind as WorkKind] * units;
  return sum;
}
