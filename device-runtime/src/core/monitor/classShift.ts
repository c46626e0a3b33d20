// Whether the classes of one person's stream come in other shares than they did. It must not know whether a prediction was right.
import { Defect } from "@attune/protocol";
import { totalVariation } from "../distance/countDistance.ts";
import { createRateMonitor, type RateMonitorState, type RateRule } from "./rateMonitor.ts";

/** How shares of classes are watched; plain data. */
export interface ClassShiftPolicy {
  /** So many observations make one comparison, 2 or more: long enough to hold several bouts. */
  readonly blockLength: number;
  /** How the distance of a block from the person's own shares is watched; its `blockLength` counts blocks. */
  readonly rule: RateRule;
}

/** What {@link createClassShift} is told. */
export interface ClassShiftSettings extends ClassShiftPolicy {
  /** Share of each class among all people, `(classCount,)`, adding up to 1. */
  readonly shares: readonly number[];
}

/** The shares have changed. */
export interface ClassShiftAlarm {
  readonly evidence: number;
  readonly limit: number;
  /** Total variation between the last block and the person's own shares, `[0, 1]`. */
  readonly distance: number;
  /** Classes by how far their share moved, largest first; `change` is a difference of shares. */
  readonly classes: readonly { readonly label: number; readonly change: number }[];
}

/** All that it remembers; plain data. */
export interface ClassShiftState {
  readonly version: 1;
  /** Of the block that is not full. */
  readonly blockCounts: readonly number[];
  /** Of the blocks that showed what is normal. */
  readonly ownCounts: readonly number[];
  readonly ownBlocks: number;
  readonly skippedCount: number;
  readonly rate: RateMonitorState;
}

/** Shares of one person's classes, watched. One owner. */
export interface ClassShift {
  /**
   * Takes in one class: predicted, for prediction shift; true, from feedback, for label shift. What is no class is left aside.
   *
   * @returns the alarm that it raised, or null. Allocates nothing but for an alarm.
   */
  observe(label: number): ClassShiftAlarm | null;
  state(): ClassShiftState;
}

/**
 * Blocks of 64 windows are 82 seconds; the first dozen shows a person's own shares, the next twelve how much they vary.
 *
 * The run length holds while a block is longer than a person's bouts: with six classes and bouts of 12, 50, 100 and 333 windows on average an alarm came in
 * 6,000, 952, 212 and 55 blocks where 200 are asked (60 people, 1,000 blocks each). Whoever does one thing for minutes needs longer blocks.
 */
export const defaultClassShiftPolicy: ClassShiftPolicy = {
  blockLength: 64,
  rule: {
    blockLength: 1,
    averageRunLengthMin: 200,
    slack: 0.1,
    baselineBlocks: 12,
    priorBlocks: 4,
  },
};

/** People's shares weigh as much as so many blocks of the person's own. */
const sharePriorBlocks = 2;
/** So many first blocks give the person's shares. */
const shareBlocks = 12;
/** Distance of a block from a person's own shares among people of whom nothing is known yet. */
const populationDistance = 0.4;

/**
 * Creates a watch on the shares of classes, or goes on from a state.
 *
 * - Compares blocks, not single observations: a person who walks for a minute has not changed. Each block's total variation from
 *   the person's own shares is watched by an e-detector, whose reference is how much the person's blocks vary anyway.
 * - A changed share of **predicted** classes is either a change of life or a change of errors: for the first, `labelShares` says
 *   which shares explain it.
 *
 * @throws {@link Defect} `detector.config_invalid`, `detector.state_invalid`.
 * @example
 * const shift = createClassShift({ ...defaultClassShiftPolicy, shares: [0.5, 0.5] });
 * for (let step = 0; step < 64 * 30; step++) shift.observe(step % 2);
 * let alarm = shift.observe(1);
 * while (alarm === null) alarm = shift.observe(1);
 * alarm.classes.map(({ label, change }) => [label, change > 0]); // => [[0, false], [1, true]]
 */
export function createClassShift(
  settings: ClassShiftSettings,
  state?: ClassShiftState,
): ClassShift {
  const { shares, blockLength, rule } = settings;
  const classCount = shares.length;
  const sum = shares.reduce((total, share) => total + share, 0);
  if (
    !shares.every((share) => share >= 0) ||
    !(Math.abs(sum - 1) < 1e-6) ||
    !(Number.isInteger(blockLength) && blockLength >= 2)
  ) {
    throw new Defect(
      "detector.config_invalid",
      `${classCount} shares add up to ${sum}, they must be 0 or more and add up to 1; block length ${blockLength} must be 2 or more`,
    );
  }
  if (
    state !== undefined &&
    (state.version !== 1 ||
      state.blockCounts.length !== classCount ||
      state.ownCounts.length !== classCount)
  ) {
    throw new Defect(
      "detector.state_invalid",
      `state has version ${state.version} and ${state.ownCounts.length} classes, 1 and ${classCount} are needed`,
    );
  }
  const blockCounts = Float64Array.from(state?.blockCounts ?? shares.map(() => 0));
  const prior = shares.map((share) => share * sharePriorBlocks * blockLength);
  const ownCounts = Float64Array.from(state?.ownCounts ?? prior);
  let ownBlocks = state?.ownBlocks ?? 0;
  let skippedCount = state?.skippedCount ?? 0;
  let blockFill = blockCounts.reduce((total, count) => total + count, 0);
  const monitor = createRateMonitor(rule, populationDistance, state?.rate);

  function alarmOf(): ClassShiftAlarm {
    const ownTotal = ownCounts.reduce((total, count) => total + count, 0);
    const changes = [...blockCounts].map((count, label) => ({
      label,
      change: count / blockLength - (ownCounts[label] as number) / ownTotal,
    }));
    changes.sort((a, b) => Math.abs(b.change) - Math.abs(a.change));
    return {
      evidence: monitor.alarmEvidence(),
      limit: rule.averageRunLengthMin,
      distance: totalVariation(blockCounts, ownCounts),
      classes: changes,
    };
  }

  return {
    observe(label) {
      if (!(Number.isInteger(label) && label >= 0 && label < classCount)) {
        skippedCount++;
        return null;
      }
      blockCounts[label] = (blockCounts[label] as number) + 1;
      blockFill++;
      if (blockFill < blockLength) return null;
      let alarm: ClassShiftAlarm | null = null;
      if (ownBlocks < shareBlocks) {
        ownBlocks++;
        for (let own = 0; own < classCount; own++) {
          ownCounts[own] = (ownCounts[own] as number) + (blockCounts[own] as number);
        }
      } else if (monitor.observe(totalVariation(blockCounts, ownCounts))) {
        alarm = alarmOf();
      }
      blockCounts.fill(0);
      blockFill = 0;
      return alarm;
    },
    state: () => ({
      version: 1,
      blockCounts: [...blockCounts],
      ownCounts: [...ownCounts],
      ownBlocks,
      skippedCount,
      rate: monitor.state(),
    }),
  };
}
