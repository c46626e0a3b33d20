// What is checked of one user's data and answers: sound data, what is usual for this person, drift, business rules. It must not store or train.
import {
  createUserDrift,
  type DriftReference,
  type UserDrift,
  type UserDriftReport,
  type UserDriftState,
} from "../core/drift/userDrift.ts";
import type { FeatureAlarm } from "../core/monitor/features/featureMonitor.ts";
import type { MonitorAlarm } from "../core/monitor/userMonitors.ts";
import {
  createUserCalibration,
  type UserCalibration,
  type UserCalibrationReport,
  type UserCalibrationState,
} from "../core/ood/userCalibration.ts";
import {
  type BusinessRules,
  type BusinessRulesState,
  createBusinessRules,
} from "../core/validation/businessRules.ts";
import type { DataProblem } from "../core/validation/dataRules.ts";
import {
  createDataValidator,
  type DataCounts,
  type DataFinding,
  type DataValidator,
  type DataValidatorState,
} from "../core/validation/dataValidator.ts";
import type { ModelPackage } from "../package/modelPackage.ts";
import type { OodJudge } from "../package/oodJudge.ts";
import { createWatchedFeatures, type WatchedFeatures } from "../package/watchedFeatures.ts";
import { crc32c } from "../storage/crc32c.ts";

/** All that the checks remember; plain data. */
export interface UserChecksState {
  readonly calibration: UserCalibrationState;
  readonly data: DataValidatorState;
  readonly rules: BusinessRulesState;
  readonly drift: UserDriftState;
  /** Checksum of the calibration that drift was told by: under another one it is told anew. */
  readonly calibrationCrc: number;
}

/** What can be told about a user's checks. */
export interface UserChecksReport {
  /**
   * How well the person's share of outliers keeps to what the package states. Of the windows after the person's baseline, `flaggedCount` are
   * unusual by the person's own scores; `counts.outliers` are those of all windows that are unusual among all people. The two differ most
   * for a person who is unlike the others.
   */
  readonly calibration: UserCalibrationReport;
  readonly data: DataCounts;
  readonly rules: ReturnType<BusinessRules["report"]>;
  readonly drift: UserDriftReport;
}

/** One user's checks. One owner. */
export interface UserChecks {
  readonly calibration: UserCalibration;
  readonly data: Pick<DataValidator, "check" | "checkGap">;
  readonly rules: BusinessRules;
  /**
   * Watches one sound window and its answer for drift. Allocates nothing unless there is an alarm.
   *
   * @param window raw units
   * @param judged by what the window was scored just now: statistics that it has looked at are not computed again
   */
  watch(
    window: Float32Array,
    judged: Pick<OodJudge, "preprocessing" | "statistics">,
    answered: number,
    confidence: number,
    atMs: number,
  ): FeatureAlarm | null;
  /** Notes what the monitors of rates have found. */
  noteAlarms(alarms: readonly MonitorAlarm[], atMs: number): void;
  /** A late truth came. */
  noteFeedback(): void;
  /** Rises with everything that a report of drift shows. */
  readonly revision: number;
  /** Whether the finding is another than that of the window before: a sensor that stays wrong is told once. */
  isNews(finding: DataFinding | null): boolean;
  /** Another package answers: what it says otherwise begins anew. */
  follow(modelPackage: ModelPackage): void;
  report(): UserChecksReport;
  state(): UserChecksState;
}

/** Creates the checks of one user, or goes on from a state. */
export function createUserChecks(first: ModelPackage, state?: UserChecksState): UserChecks {
  const { ood } = first.calibration;
  const calibration = createUserCalibration(
    ood.population,
    ood.alpha,
    ood.personal,
    state?.calibration,
  );
  let followed = first;
  let data = validatorOf(first, state?.data);
  let rules = rulesOf(first, state?.rules);
  let lastCode: DataProblem | null = null;
  let calibrationCrc = crc32c(first.bytes.calibration);
  let features: WatchedFeatures = createWatchedFeatures(first.preprocessing);
  const drift: UserDrift = createUserDrift(
    referenceOf(first),
    first.learning.monitor,
    state?.calibrationCrc === calibrationCrc ? state.drift : undefined,
  );
  return {
    calibration,
    watch(window, judged, answered, confidence, atMs) {
      const known = judged.preprocessing === followed.preprocessing ? judged.statistics : null;
      return drift.observe(known ?? features.of(window), answered, confidence, atMs);
    },
    noteAlarms: (alarms, atMs) => drift.noteAlarms(alarms, atMs),
    noteFeedback: () => drift.observeFeedback(),
    get revision() {
      const { windows, problems } = data.counts();
      return drift.revision + windows + problems["input.sampling_gap"];
    },
    isNews(finding) {
      const before = lastCode;
      lastCode = finding?.code ?? null;
      return lastCode !== null && lastCode !== before;
    },
    get data() {
      return data;
    },
    get rules() {
      return rules;
    },
    follow(next) {
      if (next === followed) return;
      followed = next;
      calibration.follow(next.calibration.ood.population);
      data = validatorOf(next, data.state());
      rules = rulesOf(next, rules.state());
      features = createWatchedFeatures(next.preprocessing);
      const crc = crc32c(next.bytes.calibration);
      if (crc === calibrationCrc) return;
      calibrationCrc = crc;
      drift.useReference(referenceOf(next));
    },
    report: () => ({
      calibration: calibration.report(),
      data: data.counts(),
      rules: rules.report(),
      drift: drift.report(),
    }),
    state: () => ({
      calibration: calibration.state(),
      data: data.state(),
      rules: rules.state(),
      drift: drift.state(),
      calibrationCrc,
    }),
  };
}

function referenceOf({ calibration }: ModelPackage): DriftReference {
  return calibration.drift ?? { features: null, errors: null };
}

function validatorOf(
  { learning, preprocessing }: ModelPackage,
  state?: DataValidatorState,
): DataValidator {
  const { channels, windowSamples, layout, sampleRateHz } = preprocessing;
  const channelNames = channels.map(({ name }) => name);
  return createDataValidator(
    learning.dataRules,
    { channelNames, windowSamples, layout, sampleRateHz },
    state,
  );
}

function rulesOf(
  { learning, preprocessing }: ModelPackage,
  state?: BusinessRulesState,
): BusinessRules {
  return createBusinessRules(learning.businessRules, preprocessing.labels, state);
}
