// What is checked of one user's data and answers: sound data, what is usual for this person, business rules. It must not store or train.
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

/** All that the checks remember; plain data. */
export interface UserChecksState {
  readonly calibration: UserCalibrationState;
  readonly data: DataValidatorState;
  readonly rules: BusinessRulesState;
}

/** What can be told about a user's checks. */
export interface UserChecksReport {
  /** How well the person's share of outliers keeps to what the package states. */
  readonly calibration: UserCalibrationReport;
  readonly data: DataCounts;
  readonly rules: ReturnType<BusinessRules["report"]>;
}

/** One user's checks. One owner. */
export interface UserChecks {
  readonly calibration: UserCalibration;
  readonly data: Pick<DataValidator, "check" | "checkGap">;
  readonly rules: BusinessRules;
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
  return {
    calibration,
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
    },
    report: () => ({
      calibration: calibration.report(),
      data: data.counts(),
      rules: rules.report(),
    }),
    state: () => ({
      calibration: calibration.state(),
      data: data.state(),
      rules: rules.state(),
    }),
  };
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
