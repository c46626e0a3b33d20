// What a device says of drift: aggregates of bounded size, part of its report. Nobody's name, no sample, no time finer than an hour.
import * as z from "zod/mini";
import { DRIFT_FINDINGS_MAX, DRIFT_NAME_LENGTH_MAX, DRIFT_ONSET_STEP_MS } from "../limits.ts";
import { plainText } from "../plainText.ts";
import { countSchema } from "./fields.ts";

/** What a finding is about: a series of input features, or a rate of answers. */
export type DriftKind = "feature" | "errorRate" | "outlierShare" | "uncertainty";

/** Which way values moved; `mixed` where features of one series moved apart, or nothing can be told. */
export type DriftDirection = "up" | "down" | "mixed";

/** One thing that has drifted on a device, over those of its users for whom it has. */
export interface DriftFinding {
  readonly kind: DriftKind;
  /** The series in the model package's layout, such as a sensor's channel; empty for rates. */
  readonly name: string;
  readonly direction: DriftDirection;
  /** Users for whom it has drifted. */
  readonly users: number;
  /** Observations since the change began that the severity rests on. */
  readonly count: number;
  /** E-value when it was last found, of the user with the most. */
  readonly evidence: number;
  /** What it took to be believed; series that are found together need less each. */
  readonly limit: number;
  /** Of the same user: standard deviations for a feature, a difference of rates for a rate. The range holds it with about 95 %. */
  readonly severity: { readonly mean: number; readonly low: number; readonly high: number };
  /** When it began, as far as can be told, in whole steps of `DRIFT_ONSET_STEP_MS`. */
  readonly onsetMs: number;
}

/** How often each kind of unsound data was found; a gap is no window's. */
export interface QuarantineCounts {
  readonly valueMissing: number;
  readonly valueOutside: number;
  readonly channelSaturated: number;
  readonly channelStuck: number;
  readonly windowDuplicated: number;
  readonly samplingGap: number;
}

/** What is guessed of the error rate without any truth, of the user for whom it looks worst. */
export interface PerformanceGuess {
  readonly errorRate: number;
  readonly low: number;
  readonly high: number;
  readonly referenceErrorRate: number;
  /** Answers that it rests on. */
  readonly count: number;
  readonly verdict: "worse" | "fine" | "unclear";
}

/** What a device says of drift, over the users whom it has now. */
export interface DriftReport {
  /** Of this layout; a reader leaves one that it does not know aside. */
  readonly version: 1;
  /** `fail` when something has drifted for somebody, `learning` while nothing could be found for anybody. */
  readonly verdict: "pass" | "fail" | "learning";
  readonly users: number;
  /** Users of whom too little is known for any finding. */
  readonly learningUsers: number;
  readonly driftedUsers: number;
  /** Windows that were watched. */
  readonly windows: number;
  /** Series and rates that are watched for each user. */
  readonly series: number;
  /** The most evidence first, at most `DRIFT_FINDINGS_MAX`. */
  readonly findings: readonly DriftFinding[];
  /** Findings that are not among them. */
  readonly unnamedFindings: number;
  readonly outliers: {
    readonly windows: number;
    /** Highest recent share of a user, and what is normal for that user; both 0 while that is learned. */
    readonly recentShare: number;
    readonly referenceShare: number;
  };
  readonly quarantined: { readonly windows: number; readonly problems: QuarantineCounts };
  /** Business rules: times that one was broken, and rules that are broken now. */
  readonly rules: { readonly violations: number; readonly broken: number };
  /** Left out where the package says nothing about confidence. */
  readonly performance?: PerformanceGuess | undefined;
}

const share = z.number().check(z.minimum(0), z.maximum(1));
const finite = z.number();

const findingSchema: z.ZodMiniType<DriftFinding> = z.object({
  kind: z.enum(["feature", "errorRate", "outlierShare", "uncertainty"]),
  name: z.pipe(
    z.string(),
    z.transform((text) => plainText(text, DRIFT_NAME_LENGTH_MAX)),
  ),
  direction: z.enum(["up", "down", "mixed"]),
  users: z.int().check(z.minimum(1)),
  count: countSchema,
  evidence: finite.check(z.minimum(0)),
  limit: finite.check(z.minimum(0)),
  severity: z.object({ mean: finite, low: finite, high: finite }).check(
    z.refine(({ mean, low, high }) => low <= mean && mean <= high, {
      message: "must have its mean within low and high",
    }),
  ),
  // Also what a writer says finer does not leave finer.
  onsetMs: z.pipe(
    z.int().check(z.minimum(0)),
    z.transform((onsetMs) => onsetMs - (onsetMs % DRIFT_ONSET_STEP_MS)),
  ),
});

const knownReport: z.ZodMiniType<DriftReport> = z
  .object({
    version: z.literal(1),
    verdict: z.enum(["pass", "fail", "learning"]),
    users: countSchema,
    learningUsers: countSchema,
    driftedUsers: countSchema,
    windows: countSchema,
    series: countSchema,
    findings: z.array(findingSchema).check(z.maxLength(DRIFT_FINDINGS_MAX)),
    unnamedFindings: countSchema,
    outliers: z.object({ windows: countSchema, recentShare: share, referenceShare: share }),
    quarantined: z.object({
      windows: countSchema,
      problems: z.object({
        valueMissing: countSchema,
        valueOutside: countSchema,
        channelSaturated: countSchema,
        channelStuck: countSchema,
        windowDuplicated: countSchema,
        samplingGap: countSchema,
      }),
    }),
    rules: z.object({ violations: countSchema, broken: countSchema }),
    performance: z.optional(
      z
        .object({
          errorRate: share,
          low: share,
          high: share,
          referenceErrorRate: share,
          count: countSchema,
          verdict: z.enum(["worse", "fine", "unclear"]),
        })
        .check(
          z.refine(({ low, errorRate, high }) => low <= errorRate && errorRate <= high, {
            message: "must have its error rate within low and high",
          }),
        ),
    ),
  })
  .check(
    z.refine(
      ({ users, learningUsers, driftedUsers, findings }) =>
        learningUsers + driftedUsers <= users &&
        findings.every((finding) => finding.users <= driftedUsers),
      { message: "must count every user once" },
    ),
    z.refine(
      ({ verdict, users, learningUsers, driftedUsers, findings }) =>
        (verdict === "fail") === driftedUsers > 0 &&
        (verdict === "learning") === (learningUsers === users) &&
        findings.length > 0 === driftedUsers > 0,
      { message: "must have the verdict that its counts give" },
    ),
  );

/** A layout of a later version: its device's report is read without it. */
const laterReport: z.ZodMiniType<undefined> = z.pipe(
  z.object({ version: z.int().check(z.minimum(2)) }),
  z.transform(() => undefined),
);

export const driftReportSchema: z.ZodMiniType<DriftReport | undefined> = z.optional(
  z.union([knownReport, laterReport]),
);
