// The alarm on one rate: an e-detector. It must not know what the rate is of, nor what follows from an alarm.
import { Defect } from "@attune/protocol";

/** What an {@link EDetector} is told once. */
export interface EDetectorConfig {
  /**
   * The mean that is still normal, `[0, 1)`. The model package ships it. Very small ones are raised to
   * {@link EDetector.referenceRate}.
   */
  readonly referenceRate: number;
  /**
   * While the rate is normal, alarms come at least this many observations apart on average; 10 or more. Also the evidence at
   * which the alarm is raised.
   */
  readonly averageRunLengthMin: number;
  /** How boldly each bet is placed, `(0, 1)` each; {@link defaultMultipliers} when left out. */
  readonly multipliers?: readonly number[];
}

/** All that an {@link EDetector} remembers; plain data. */
export interface EDetectorState {
  readonly version: 1;
  /** One number per multiplier: what a bettor with that stake would own now. */
  readonly wealth: readonly number[];
  readonly sampleCount: number;
  /** Observations since the last alarm, or since the start. */
  readonly samplesSinceAlarm: number;
  readonly alarmCount: number;
}

/** A running e-detector. One owner; observing changes it. */
export interface EDetector {
  /** The mean that counts as normal here: the configured one, or the least one at which silence raises no alarm. */
  readonly referenceRate: number;
  readonly averageRunLengthMin: number;
  /**
   * Takes in one observation.
   *
   * @param value in `[0, 1]`: 1 for an error, 0 for none, or a share of a block.
   * @returns true when the alarm is raised by this observation; the evidence then starts again from nothing.
   * @throws {@link Defect} `detector.value_out_of_range`.
   */
  observe(value: number): boolean;
  /** The evidence that the rate has risen, from 0 to `averageRunLengthMin`. Zero right after an alarm. */
  evidence(): number;
  /** The evidence at which the last alarm was raised, 0 before the first one. Not part of the state. */
  alarmEvidence(): number;
  /** A copy of what it remembers, to go on from later. */
  state(): EDetectorState;
}

/** Four stakes from timid (small rises) to bold (large ones); measured in `eDetector.reference.test.ts`. */
export const defaultMultipliers: readonly number[] = [0.1, 0.25, 0.5, 0.9];

/** A stake is never more than this many times a multiplier, however rare the event: a reference rate of 0 has no `1 / rate`. */
const stakeMax = 3;

/** Below it an alarm says nothing. */
const runLengthFloor = 10;

/**
 * Creates a detector of a rise in the mean of a stream of numbers in `[0, 1]`, or goes on from a state.
 *
 * - Per stake `λ = multiplier · min(1 / referenceRate, 3)` it keeps `M ← (1 + λ (x - referenceRate)) · (M + 1)`, from 0. The
 *   alarm is raised when the mean of all `M` reaches `averageRunLengthMin`; then every `M` is 0 again.
 * - **What it promises**: while the conditional mean of every observation is at most `referenceRate`, the average number of
 *   observations to an alarm is at least `averageRunLengthMin`, for any distribution on `[0, 1]` and any dependence that keeps
 *   that conditional mean. It does not promise that for windows that overlap, whose errors come in runs: thin or average them
 *   into blocks first.
 * - `observe` is O(stakes), allocates nothing.
 *
 * Without any event `M` settles just below `1 / (λ referenceRate)`. So with a reference rate of almost 0 a long silence alone
 * would raise the alarm; the reference rate is raised until it cannot, which keeps the promise.
 *
 * @param state from {@link EDetector.state}; the same number of multipliers.
 * @throws {@link Defect} `detector.config_invalid`, `detector.state_invalid`.
 * @example
 * const detector = createEDetector({ referenceRate: 0.1, averageRunLengthMin: 1000 });
 * let index = 0;
 * while (!detector.observe(1)) index++;
 * index; // => 6
 * @see Shin, Ramdas and Rinaldo 2024, "E-detectors", section 2.2 (Shiryaev-Roberts). Deviation: four stakes in equal parts in
 *   place of their adaptive grid.
 */
export function createEDetector(config: EDetectorConfig, state?: EDetectorState): EDetector {
  const { averageRunLengthMin } = config;
  const multipliers = config.multipliers ?? defaultMultipliers;
  const silenceSum = multipliers.reduce((sum, multiplier) => sum + 1 / (multiplier * stakeMax), 0);
  const referenceFloor = silenceSum / multipliers.length / averageRunLengthMin;
  if (
    !(config.referenceRate >= 0 && config.referenceRate < 1) ||
    !(averageRunLengthMin >= runLengthFloor && averageRunLengthMin < Number.POSITIVE_INFINITY) ||
    !multipliers.every((multiplier) => multiplier > 0 && multiplier < 1) ||
    !(referenceFloor < 1 / stakeMax)
  ) {
    throw new Defect(
      "detector.config_invalid",
      `reference rate ${config.referenceRate} must be in [0, 1), run length ${averageRunLengthMin} finite and ${runLengthFloor} or more, and multipliers ${multipliers.join(", ")} in (0, 1), not all tiny`,
    );
  }
  const referenceRate = Math.max(config.referenceRate, referenceFloor);
  const stakes = Float64Array.from(
    multipliers,
    (multiplier) => multiplier * Math.min(1 / referenceRate, stakeMax),
  );
  const stakeCount = stakes.length;
  const alarmSum = averageRunLengthMin * stakeCount;
  const wealth = new Float64Array(stakeCount);
  let sampleCount = 0;
  let samplesSinceAlarm = 0;
  let alarmCount = 0;
  let alarmEvidence = 0;
  if (state !== undefined) {
    const { version, wealth: kept, ...counts } = state;
    const isSound =
      version === 1 &&
      kept.length === stakes.length &&
      kept.every((owned) => owned >= 0) &&
      kept.reduce((sum, owned) => sum + owned, 0) < alarmSum &&
      [counts.sampleCount, counts.samplesSinceAlarm, counts.alarmCount].every(
        (count) => Number.isSafeInteger(count) && count >= 0,
      );
    if (!isSound) {
      throw new Defect(
        "detector.state_invalid",
        `state is of version ${version} with ${kept.length} wealths, the detector of version 1 with ${stakes.length}; wealth is 0 or more, together below the alarm, and counts are whole`,
      );
    }
    wealth.set(state.wealth);
    ({ sampleCount, samplesSinceAlarm, alarmCount } = state);
  }

  function evidence(): number {
    let sum = 0;
    for (let index = 0; index < wealth.length; index++) sum += wealth[index] as number;
    return sum / wealth.length;
  }

  return {
    referenceRate,
    averageRunLengthMin,
    observe(value) {
      if (!(value >= 0 && value <= 1)) {
        throw new Defect("detector.value_out_of_range", `observed ${value}, it must be in [0, 1]`);
      }
      const surprise = value - referenceRate;
      let sum = 0;
      for (let index = 0; index < stakeCount; index++) {
        const owned = (1 + (stakes[index] as number) * surprise) * ((wealth[index] as number) + 1);
        wealth[index] = owned;
        sum += owned;
      }
      sampleCount++;
      samplesSinceAlarm++;
      if (sum < alarmSum) return false;
      alarmEvidence = sum / stakeCount;
      wealth.fill(0);
      samplesSinceAlarm = 0;
      alarmCount++;
      return true;
    },
    evidence,
    alarmEvidence: () => alarmEvidence,
    state: () => ({ version: 1, wealth: [...wealth], sampleCount, samplesSinceAlarm, alarmCount }),
  };
}
