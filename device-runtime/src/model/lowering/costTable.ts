// How long a unit of each kind of work takes on each engine. Only numbers that were measured, or are said to be estimates.
import type { TargetEngine } from "./lowering.ts";
import type { Work, WorkKind } from "./nodeWork.ts";

/**
 * Nanoseconds a unit, by engine and kind of work.
 *
 * `node` and `wasm` are fitted to the times of 218 forms of 85 gradients each, from 1x16x32x32 to 32x32x64, one thread, by least squares of the
 * relative error, with onnxruntime 1.30 on a 2-core x86-64 server with AVX-512. They predict a form within 9 % (median), and of the 85 gradients
 * the form predicted to be fastest was the fastest, within 10 %, in 83 (node) and 82 (wasm). `npm run bench -- lowerings` measures that on
 * networks, and with `--fit yes` fits again. Other machines are faster or slower as a whole, which changes no choice; where a device
 * differs in kind, let it time the forms.
 *
 * `webgpu` is an estimate, since no such device was at hand: a dispatch costs tens of microseconds and an element next to nothing, so the form
 * with the fewest nodes wins unless it does far more work. Let such a device time the forms.
 */
const costTable: Readonly<Record<TargetEngine, Readonly<Record<WorkKind, number>>>> = {
  node: {
    node: 1140,
    copied: 0.254,
    run: 6.86,
    picked: 2.03,
    repeated: 14,
    moved: 0.397,
    shuffled: 2.96,
    elementwise: 0.176,
    reduced: 0.217,
    product: 194,
    mac: 0.0239,
    column: 0.3,
    columnRun: 4.03,
    folded: 0.718,
    foldedOdd: 3.32,
    foldedRun: 3.18,
    pooled: 0.378,
    indexed: 1.6,
    scattered: 3.34,
  },
  wasm: {
    node: 1000,
    copied: 0.184,
    run: 9.86,
    picked: 1.97,
    repeated: 15.5,
    moved: 0.393,
    shuffled: 1.61,
    elementwise: 0.216,
    reduced: 0.0614,
    product: 96.5,
    mac: 0.0521,
    column: 0.0898,
    columnRun: 4.69,
    folded: 0.591,
    foldedOdd: 4.68,
    foldedRun: 0.563,
    pooled: 1.23,
    indexed: 2.04,
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
