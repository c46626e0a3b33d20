// What is watched of one user: errors where there is feedback, outliers and doubt where there is none. It must not decide what
// follows from an alarm.
import {
  createRateMonitor,
  type RateMonitor,
  type RateMonitorState,
  type RateReport,
  type RateRule,
} from "./rateMonitor.ts";

/** The rates that are watched, in the order of reports. */
export const monitorKinds = ["errorRate", "outlierShare", "uncertainty"] as const;

/** One of {@link monitorKinds}. */
export type MonitorKind = (typeof monitorKinds)[number];

/** How each rate is watched; plain data of a model package. */
export type MonitorPolicy = { readonly [kind in MonitorKind]: RateRule };

/** What is normal for a model on people that it was not trained on. */
export interface MonitorReference {
  /** `[0, 1)`. */
  readonly errorRate: number;
  /** Share of windows whose out-of-distribution score is above the threshold, `[0, 1)`. */
  readonly outlierShare: number;
  /** Mean largest probability, `(0, 1]`. */
  readonly confidence: number;
}

/** What {@link createUserMonitors} is told. */
export type MonitorSettings = MonitorPolicy & { readonly reference: MonitorReference };

/** Something has changed. */
export interface MonitorAlarm {
  readonly kind: MonitorKind;
  /** At the moment of the alarm. */
  readonly evidence: number;
  readonly limit: number;
  /** What the rate is now: mean of about the last sixteen blocks. */
  readonly rate: number;
  /** What counted as normal, slack included. */
  readonly referenceRate: number;
}

/** All that monitors remember; plain data. */
export type MonitorState = { readonly [kind in MonitorKind]: RateMonitorState } & {
  readonly version: 1;
  /** What they were compared with: rates under another reference say nothing about this one. */
  readonly reference: MonitorReference;
};

/** What can be told about all rates. */
export type MonitorReport = { readonly [kind in MonitorKind]: RateReport };

/** One user's monitors. One owner. */
export interface UserMonitors {
  /**
   * Takes in one answer, without knowing whether it was right.
   *
   * @returns the alarms that it raised, or null. Allocates nothing when there are none.
   */
  observePrediction(answer: {
    readonly isOutlier: boolean;
    /** Largest probability, `[0, 1]`; NaN is counted as skipped. */
    readonly confidence: number;
  }): readonly MonitorAlarm[] | null;
  /** Takes in one late truth about an answer. */
  observeFeedback(wasCorrect: boolean): readonly MonitorAlarm[] | null;
  /** Another model answers: with another reference everything is learned anew, with the same nothing changes. */
  useReference(reference: MonitorReference): void;
  report(): MonitorReport;
  state(): MonitorState;
}

/** 16 windows of 2.56 s that overlap by half are 20 seconds: longer than most runs of the same movement. */
const labelFreeRule: RateRule = {
  blockLength: 16,
  averageRunLengthMin: 500,
  slack: 0.05,
  baselineBlocks: 12,
  priorBlocks: 10,
};

/**
 * Watches errors in fours and everything else in blocks of sixteen windows.
 *
 * On the 3.7 hours of HAPT's 30 people (36 features, a linear model of 21 others), undrifted: no label-free alarm, where single
 * windows give 17 an hour; 4 error alarms an hour, where single feedbacks give 27, most of them of people whom the model serves badly. When two
 * axes are swapped, outliers are noticed after 77 windows (median; nobody missed) and errors after 18 feedbacks; doubt is not, because the
 * model is wrong with confidence.
 */
export const defaultMonitorPolicy: MonitorPolicy = {
  errorRate: {
    blockLength: 4,
    averageRunLengthMin: 500,
    slack: 0.02,
    baselineBlocks: 0,
    priorBlocks: 0,
  },
  outlierShare: labelFreeRule,
  uncertainty: labelFreeRule,
};

/**
 * Creates the monitors of one user, or goes on from a state.
 *
 * - About 400 bytes of state. `observePrediction` is O(1), some ten nanoseconds.
 *
 * @param state from {@link UserMonitors.state}; one of another version or under another reference is left aside.
 * @throws Defect `detector.state_invalid` for one that does not hold together.
 */
export function createUserMonitors(settings: MonitorSettings, state?: MonitorState): UserMonitors {
  let reference = settings.reference;
  let kept =
    state?.version === 1 && isSameReference(state.reference, reference) ? state : undefined;
  let errorRate = watch("errorRate", reference.errorRate);
  let outlierShare = watch("outlierShare", reference.outlierShare);
  let uncertainty = watch("uncertainty", 1 - reference.confidence);

  function watch(kind: MonitorKind, populationRate: number): RateMonitor {
    return createRateMonitor(settings[kind], populationRate, kept?.[kind]);
  }

  function alarmOf(kind: MonitorKind, monitor: RateMonitor): MonitorAlarm {
    const { limit, recentRate, referenceRate } = monitor.report();
    return {
      kind,
      evidence: monitor.alarmEvidence(),
      limit,
      rate: recentRate,
      referenceRate: referenceRate ?? 0,
    };
  }

  return {
    observePrediction({ isOutlier, confidence }) {
      const hasMoreOutliers = outlierShare.observe(isOutlier ? 1 : 0);
      const hasMoreDoubt = uncertainty.observe(1 - confidence);
      if (!hasMoreOutliers && !hasMoreDoubt) return null;
      const alarms: MonitorAlarm[] = [];
      if (hasMoreOutliers) alarms.push(alarmOf("outlierShare", outlierShare));
      if (hasMoreDoubt) alarms.push(alarmOf("uncertainty", uncertainty));
      return alarms;
    },
    observeFeedback: (wasCorrect) =>
      errorRate.observe(wasCorrect ? 0 : 1) ? [alarmOf("errorRate", errorRate)] : null,
    useReference(next) {
      if (isSameReference(next, reference)) return;
      reference = next;
      kept = undefined;
      errorRate = watch("errorRate", reference.errorRate);
      outlierShare = watch("outlierShare", reference.outlierShare);
      uncertainty = watch("uncertainty", 1 - reference.confidence);
    },
    report: () => ({
      errorRate: errorRate.report(),
      outlierShare: outlierShare.report(),
      uncertainty: uncertainty.report(),
    }),
    state: () => ({
      version: 1,
      reference: {
        errorRate: reference.errorRate,
        outlierShare: reference.outlierShare,
        confidence: reference.confidence,
      },
      errorRate: errorRate.state(),
      outlierShare: outlierShare.state(),
      uncertainty: uncertainty.state(),
    }),
  };
}

function isSameReference(a: MonitorReference, b: MonitorReference): boolean {
  return (
    a.errorRate === b.errorRate &&
    a.outlierShare === b.outlierShare &&
    a.confidence === b.confidence
  );
}
