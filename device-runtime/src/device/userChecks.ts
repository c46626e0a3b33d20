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
import type { Profile } from "../core/profile/profile.ts";
import {
  createProfileCounter,
  keptCounts,
  type ProfileCounter,
  type ProfileCounts,
} from "../core/profile/profileCounter.ts";
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
import type { Preprocessing } from "../package/preprocessing.ts";
import { createWatchedFeatures, type WatchedFeatures } from "../package/watchedFeatures.ts";
import { crc32c } from "../storage/crc32c.ts";

/** All that the checks remember; plain data. */
export interface UserChecksState {
  readonly calibration: UserCalibrationState;
  readonly data: DataValidatorState;
  readonly rules: BusinessRulesState;
  readonly drift: UserDriftState;
  /** What was counted on the bins of the package's profile; null where it ships none, and left out by runtimes of before. */
  readonly profile?: ProfileCounts | null;
  /** Checksum of the calibration that drift was told and profiles were counted by: under another one both begin anew. */
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

/** A person's profile beside everybody's. */
export interface ProfilePair {
  readonly preprocessing: Preprocessing;
  readonly reference: Profile;
  /** On the bins of the reference; counts on. */
  readonly own: ProfileCounts;
}

/** One user's checks. One owner. */
export interface UserChecks {
  readonly calibration: UserCalibration;
  readonly data: Pick<DataValidator, "check" | "checkGap">;
  readonly rules: BusinessRules;
  /**
   * Watches one sound window and its answer for drift, and counts it. Allocates nothing unless there is an alarm.
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
  /** What was counted of the windows that were watched; null where the package ships no profile. */
  profiles(): ProfilePair | null;
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
  let counter = counterOf(
    first,
    state?.calibrationCrc === calibrationCrc ? state.profile : undefined,
  );
  return {
    calibration,
    watch(window, judged, answered, confidence, atMs) {
      const known = judged.preprocessing === followed.preprocessing ? judged.statistics : null;
      const described = known ?? features.of(window);
      counter?.observe(described, answered);
      return drift.observe(described, answered, confidence, atMs);
    },
    profiles() {
      const {
        preprocessing,
        calibration: { profile: reference },
      } = followed;
      if (counter === null || reference === undefined) return null;
      return { preprocessing, reference, own: counter.counts() };
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
      counter = counterOf(next);
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
      profile: counter === null ? null : keptCounts(counter.counts()),
      calibrationCrc,
    }),
  };
}

function referenceOf({ calibration }: ModelPackage): DriftReference {
  return calibration.drift ?? { features: null, errors: null };
}

function counterOf(
  { calibration: { profile } }: ModelPackage,
  counts?: ProfileCounts | null,
): ProfileCounter | null {
  return profile === undefined ? null : createProfileCounter(profile.layout, counts ?? undefined);
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
