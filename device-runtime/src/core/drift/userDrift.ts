// What has drifted for one user: features against the user's own past, alarms of rates, and how long each finding stands. It must not
// decide what follows, nor add users up.
import { Defect, DRIFT_ONSET_STEP_MS, type DriftDirection, type DriftKind } from "@attune/protocol";
import {
  createErrorEstimate,
  type ErrorEstimate,
  type ErrorEstimateState,
  type ErrorGuess,
  type ErrorReference,
} from "../monitor/errorEstimate.ts";
import {
  createFeatureMonitor,
  type FeatureAlarm,
  type FeatureMonitor,
  type FeatureMonitorState,
} from "../monitor/features/featureMonitor.ts";
import type { FeatureReference } from "../monitor/features/featureReference.ts";
import { wilsonInterval } from "../monitor/rate.ts";
import { type MonitorAlarm, type MonitorPolicy, monitorKinds } from "../monitor/userMonitors.ts";

/** What is normal for people's features and confidence; plain data of a model package. Null: not watched. */
export interface DriftReference {
  readonly features: FeatureReference | null;
  readonly errors: ErrorReference | null;
}

/** Something that has drifted for a user and has not been quiet since. */
export interface UserFinding {
  readonly kind: DriftKind;
  /** Series of the layout, or empty. */
  readonly name: string;
  readonly direction: DriftDirection;
  readonly count: number;
  readonly evidence: number;
  /** What it took to be believed. */
  readonly limit: number;
  /** Standard deviations for a feature, a difference of rates for a rate. */
  readonly severity: { readonly mean: number; readonly low: number; readonly high: number };
  /**
   * When it began, by the clock as it is now; of a finding that was found again, the first time. A report tells it in whole steps of
   * `DRIFT_ONSET_STEP_MS`.
   */
  readonly onsetMs: number;
  /** Observations of its kind when it was found last. */
  readonly foundAt: number;
}

/** What can be told about a user's drift. */
export interface UserDriftReport {
  /** Nothing can be found yet. */
  readonly isLearning: boolean;
  readonly windows: number;
  readonly series: number;
  /** The most evidence first. */
  readonly findings: readonly UserFinding[];
  readonly performance: ErrorGuess | null;
}

/** All that a {@link UserDrift} remembers; plain data. */
export interface UserDriftState {
  readonly version: 1;
  readonly features: FeatureMonitorState | null;
  readonly errors: ErrorEstimateState | null;
  readonly findings: readonly UserFinding[];
  readonly windowCount: number;
  readonly feedbackCount: number;
  /** When something was seen last, or null. Left out by those who did not know that clocks are set. */
  readonly lastAtMs?: number | null;
  /** When windows were seen, one in {@link stampEvery}: a ring. */
  readonly stamps: Float64Array;
}

/** One user's drift. One owner. */
export interface UserDrift {
  /**
   * Takes in one answered window.
   *
   * - Allocates nothing unless there is an alarm.
   *
   * @param features as the reference's layout names them; not read when features are not watched
   * @param answered class number
   * @param confidence largest probability, `[0, 1]`
   * @param atMs a clock that is set, or set back, changes no age; a time that is no number counts as the last one
   * @returns the alarm of the features, or null
   */
  observe(
    features: ArrayLike<number>,
    answered: number,
    confidence: number,
    atMs: number,
  ): FeatureAlarm | null;
  /** Takes in one late truth. */
  observeFeedback(): void;
  /** Notes what the monitors of rates have found. */
  noteAlarms(alarms: readonly MonitorAlarm[], atMs: number): void;
  /** Another model answers: under another reference everything is learned anew. */
  useReference(reference: DriftReference): void;
  /** Rises with everything that a report shows. */
  readonly revision: number;
  report(): UserDriftReport;
  state(): UserDriftState;
}

/** A window in so many has its time remembered. */
const stampEvery = 16;
/** So many of them: onsets are dated up to 1,024 windows back, 22 minutes at one in 1.28 s; older ones count as that old. */
const stampCount = 64;

/** Before 2020 nothing was seen: a clock that says so has not been set since the device was started. */
const clockSetMs = 1_577_836_800_000;

/**
 * A finding stands until its monitor has been quiet for so many observations: windows, for errors feedbacks. What is broken is found
 * again in tens of them, because evidence begins anew after each alarm; a false alarm is forgotten.
 */
const quietAfter: Readonly<Record<DriftKind, number>> = {
  feature: 256,
  errorRate: 64,
  outlierShare: 512,
  uncertainty: 512,
};

/** Evidence is told up to here: e-values multiply, and a number must be finite to be sent. */
const evidenceMax = 1e12;

/** Blocks that a recent rate is a mean of, as in `rateMonitor`. */
const recentBlocks = 16;

/**
 * Creates the watch on one user's drift, or goes on from a state.
 *
 * - State: that of `createFeatureMonitor`, and about 1 KB.
 *
 * @param policy how the rates are watched whose alarms are noted
 * @param state from {@link UserDrift.state}; what was learned under a reference that is gone is left aside
 * @throws Defect of `createFeatureMonitor`
 */
export function createUserDrift(
  first: DriftReference,
  policy: MonitorPolicy,
  state?: UserDriftState,
): UserDrift {
  if (state !== undefined && (state.version !== 1 || state.stamps.length !== stampCount)) {
    throw new Defect(
      "detector.state_invalid",
      `drift state has version ${state.version}, 1 is known`,
    );
  }
  let reference = first;
  let features: FeatureMonitor | null = null;
  let errors: ErrorEstimate | null = null;
  let findings: readonly UserFinding[] = state?.findings ?? [];
  let windowCount = state?.windowCount ?? 0;
  let feedbackCount = state?.feedbackCount ?? 0;
  const stamps = state?.stamps.slice() ?? new Float64Array(stampCount);
  // In an array: a number this large in a closure's variable would be made anew at each change.
  const lastAtMs = Float64Array.of(state?.lastAtMs ?? Number.NaN);
  let revision = 0;
  if (state !== undefined && state.lastAtMs === undefined && windowCount > 0) readOlder();
  begin(state?.features ?? undefined, state?.errors ?? undefined);

  function begin(kept?: FeatureMonitorState, guessed?: ErrorEstimateState): void {
    const { features: watched, errors: expected } = reference;
    features = watched === null ? null : createFeatureMonitor(watched, undefined, kept);
    errors = expected === null ? null : createErrorEstimate(expected, {}, guessed);
  }

  /** Of a state from before: what was dated when the clock was not set can be dated no better than by the last window. */
  function readOlder(): void {
    const last = stamps[Math.floor((windowCount - 1) / stampEvery) % stampCount] as number;
    lastAtMs[0] = last;
    if (!(last >= clockSetMs)) return;
    const dated = (atMs: number): number => (atMs >= clockSetMs ? atMs : last);
    stamps.set(stamps.map(dated));
    findings = findings.map((one) => ({ ...one, onsetMs: dated(one.onsetMs) }));
  }

  /** Takes in what the clock says. When it was set since, everything before moves with it: what is known of a past is its age. */
  function seeTime(told: number): void {
    const last = lastAtMs[0] as number;
    const atMs = Number.isFinite(told) ? told : Number.isFinite(last) ? last : 0;
    const before = Number.isFinite(last) ? last : atMs;
    lastAtMs[0] = atMs;
    if (atMs < before || (before < clockSetMs && atMs >= clockSetMs)) moveTimes(atMs - before);
  }

  /** Keeps the age of all that was noted under a clock that has been set since. Apart, because what a closure holds is made anew at each call. */
  function moveTimes(byMs: number): void {
    for (let place = 0; place < stampCount; place++) {
      stamps[place] = (stamps[place] as number) + byMs;
    }
    findings = findings.map((one) => ({ ...one, onsetMs: one.onsetMs + byMs }));
  }

  /** When the window came that is so many back, as far as is remembered. */
  function timeOf(windowsBack: number, nowMs: number): number {
    const back = Math.min(windowsBack, windowCount - 1, stampEvery * (stampCount - 1));
    const place = Math.floor((windowCount - 1 - back) / stampEvery) % stampCount;
    return Math.min(nowMs, stamps[place] as number);
  }

  function seenOf(kind: DriftKind): number {
    return kind === "errorRate" ? feedbackCount : windowCount;
  }

  function isStanding({ kind, foundAt }: UserFinding): boolean {
    return seenOf(kind) - foundAt < quietAfter[kind];
  }

  /** @param learnedClassCount null where features are not watched, and rates alone have to tell */
  function isLearning(learnedClassCount: number | null): boolean {
    const { baselineBlocks, blockLength } = policy.outlierShare;
    return learnedClassCount === null
      ? windowCount < baselineBlocks * blockLength
      : learnedClassCount === 0;
  }

  function find(found: Omit<UserFinding, "foundAt">): void {
    const { kind, name } = found;
    const isSame = (one: UserFinding): boolean => one.kind === kind && one.name === name;
    const before = findings.find((one) => isSame(one) && isStanding(one));
    findings = [
      ...findings.filter((one) => !isSame(one) && isStanding(one)),
      {
        ...found,
        evidence: Math.min(evidenceMax, found.evidence),
        onsetMs: Math.min(before?.onsetMs ?? found.onsetMs, found.onsetMs),
        foundAt: seenOf(kind),
      },
    ];
    revision++;
  }

  return {
    observe(values, answered, confidence, told) {
      seeTime(told);
      if (windowCount % stampEvery === 0) {
        stamps[(windowCount / stampEvery) % stampCount] = lastAtMs[0] as number;
      }
      windowCount++;
      revision++;
      errors?.observe(confidence);
      const alarm = features?.observe(values, answered) ?? null;
      if (alarm === null) return null;
      const isNew = !findings.some((one) => one.kind === "feature" && isStanding(one));
      const atMs = lastAtMs[0] as number;
      for (const { name, evidence, onsetWindows, severity, direction } of alarm.drifted) {
        find({
          kind: "feature",
          name,
          direction,
          count: onsetWindows,
          evidence,
          // Series that are found together need less evidence each.
          limit: alarm.limit / alarm.drifted.length,
          severity,
          onsetMs: timeOf(onsetWindows, atMs),
        });
      }
      // From here on the guess is about what came after; what is found again has begun before.
      if (isNew) errors?.restart();
      return alarm;
    },
    observeFeedback() {
      feedbackCount++;
      revision++;
    },
    noteAlarms(alarms, told) {
      seeTime(told);
      const atMs = lastAtMs[0] as number;
      for (const { kind, evidence, limit, rate, referenceRate } of alarms) {
        // Windows of one block resemble each other and count once; feedbacks come apart.
        const count = recentBlocks * (kind === "errorRate" ? policy[kind].blockLength : 1);
        const now = Math.min(1, Math.max(0, rate));
        const { low, high } = wilsonInterval(now * count, count, 1.96);
        find({
          kind,
          name: "",
          direction: "up",
          count,
          evidence,
          limit,
          severity: {
            // Rounding must not put the mean outside of its range.
            mean: now - referenceRate,
            low: Math.min(now, low) - referenceRate,
            high: Math.max(now, high) - referenceRate,
          },
          // A rate's beginning is not dated: it was no later than when it was found.
          onsetMs: atMs,
        });
      }
    },
    useReference(next) {
      if (next === reference) return;
      reference = next;
      findings = [];
      begin();
      revision++;
    },
    get revision() {
      return revision;
    },
    report() {
      const learned = features?.report();
      const standing = findings.filter(isStanding);
      return {
        isLearning: standing.length === 0 && isLearning(learned?.learnedClassCount ?? null),
        windows: windowCount,
        series: (learned?.series.length ?? 0) + monitorKinds.length,
        findings: standing
          .map((one) => ({ ...one, onsetMs: coarse(one.onsetMs) }))
          .sort((a, b) => b.evidence / b.limit - a.evidence / a.limit),
        performance: errors?.guess() ?? null,
      };
    },
    state: () => ({
      version: 1,
      features: features?.state() ?? null,
      errors: errors?.state() ?? null,
      findings: findings.filter(isStanding),
      windowCount,
      feedbackCount,
      lastAtMs: Number.isFinite(lastAtMs[0]) ? (lastAtMs[0] as number) : null,
      stamps: stamps.slice(),
    }),
  };
}

/** No finer than anybody may know it, and never before there were clocks. */
function coarse(onsetMs: number): number {
  return Math.max(0, onsetMs - (onsetMs % DRIFT_ONSET_STEP_MS));
}
