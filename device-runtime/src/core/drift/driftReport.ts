// Adds up what has drifted for a device's users into the one report that leaves it. It must not see anybody's name.
import {
  DRIFT_FINDINGS_MAX,
  DRIFT_NAME_LENGTH_MAX,
  type DriftFinding,
  type DriftReport,
  type PerformanceGuess,
  plainText,
  type QuarantineCounts,
} from "@attune/protocol";
import type { RateReport } from "../monitor/rateMonitor.ts";
import type { BusinessRules } from "../validation/businessRules.ts";
import type { DataProblem } from "../validation/dataRules.ts";
import type { DataCounts } from "../validation/dataValidator.ts";
import type { UserDriftReport, UserFinding } from "./userDrift.ts";

/** What is known of one user; who it is, is not. */
export interface DriftOfUser {
  readonly drift: UserDriftReport;
  /** How the share of outliers is watched. */
  readonly outliers: Pick<RateReport, "recentRate" | "referenceRate">;
  /** Windows above the out-of-distribution threshold. */
  readonly outlierCount: number;
  readonly data: Pick<DataCounts, "quarantined" | "problems">;
  readonly rules: ReturnType<BusinessRules["report"]>;
}

const problemFields = {
  "input.value_missing": "valueMissing",
  // What is no number is no value. A device refuses such windows before; a validator of its own counts them.
  "input.not_finite": "valueMissing",
  "input.value_outside": "valueOutside",
  "input.channel_saturated": "channelSaturated",
  "input.channel_stuck": "channelStuck",
  "input.window_duplicated": "windowDuplicated",
  "input.sampling_gap": "samplingGap",
} as const satisfies Record<DataProblem, keyof QuarantineCounts>;

/**
 * The report of a device.
 *
 * - Of bounded size whatever is found: `DRIFT_FINDINGS_MAX` findings have a name, the others are counted.
 * - Findings of one series in one direction are one finding: how many users have it, and the numbers of the one with the most evidence.
 * - Pure; the order of users changes nothing but which of two equal numbers is told.
 */
export function driftReportOf(users: readonly DriftOfUser[]): DriftReport {
  const all = mergeFindings(users.map(({ drift }) => drift.findings));
  const driftedUsers = users.filter(({ drift }) => drift.findings.length > 0).length;
  const learningUsers = users.filter(({ drift }) => drift.isLearning).length;
  const worst = [...users].sort((a, b) => excess(b) - excess(a))[0]?.outliers;
  const problems: Partial<Record<keyof QuarantineCounts, number>> = {};
  for (const [code, field] of Object.entries(problemFields)) {
    const count = sum(users, ({ data }) => data.problems[code as DataProblem]);
    problems[field] = (problems[field] ?? 0) + count;
  }
  const performance = worstGuess(users);
  return {
    version: 1,
    verdict: driftedUsers > 0 ? "fail" : learningUsers === users.length ? "learning" : "pass",
    users: users.length,
    learningUsers,
    driftedUsers,
    windows: sum(users, ({ drift }) => drift.windows),
    series: users[0]?.drift.series ?? 0,
    findings: all.slice(0, DRIFT_FINDINGS_MAX),
    unnamedFindings: Math.max(0, all.length - DRIFT_FINDINGS_MAX),
    outliers: {
      windows: sum(users, ({ outlierCount }) => outlierCount),
      recentShare: worst?.referenceRate == null ? 0 : share(worst.recentRate),
      referenceShare: share(worst?.referenceRate ?? 0),
    },
    quarantined: {
      windows: sum(users, ({ data }) => data.quarantined),
      problems: problems as QuarantineCounts,
    },
    rules: {
      violations: sum(users, ({ rules }) => rules.reduce((total, { count }) => total + count, 0)),
      broken: sum(users, ({ rules }) => rules.filter(({ isBroken }) => isBroken).length),
    },
    ...(performance === null ? {} : { performance }),
  };
}

/** One finding a series and direction. The most evidence, in units of its limit, comes first. */
function mergeFindings(found: readonly (readonly UserFinding[])[]): readonly DriftFinding[] {
  const merged = new Map<
    string,
    { readonly finding: UserFinding; users: number; onsetMs: number }
  >();
  for (const finding of found.flat()) {
    const key = `${finding.kind}/${finding.direction}/${finding.name}`;
    const before = merged.get(key);
    const users = (before?.users ?? 0) + 1;
    const onsetMs = Math.min(before?.onsetMs ?? finding.onsetMs, finding.onsetMs);
    const isMore = before === undefined || weight(finding) > weight(before.finding);
    merged.set(key, { finding: isMore ? finding : before.finding, users, onsetMs });
  }
  return [...merged.values()]
    .sort((a, b) => weight(b.finding) - weight(a.finding))
    .map(({ finding, users, onsetMs }) => ({
      kind: finding.kind,
      name: plainText(finding.name, DRIFT_NAME_LENGTH_MAX),
      direction: finding.direction,
      users,
      count: finding.count,
      evidence: finding.evidence,
      limit: finding.limit,
      severity: finding.severity,
      onsetMs,
    }));
}

function weight({ evidence, limit }: UserFinding): number {
  return evidence / limit;
}

function excess({ outliers: { recentRate, referenceRate } }: DriftOfUser): number {
  return referenceRate === null ? Number.NEGATIVE_INFINITY : recentRate - referenceRate;
}

/** The guess of the user for whom it looks worst; one that rests on nothing is none. */
function worstGuess(users: readonly DriftOfUser[]): PerformanceGuess | null {
  let worst: PerformanceGuess | null = null;
  for (const { drift } of users) {
    const guess = drift.performance;
    if (guess === null || guess.count === 0) continue;
    const { errorRate, interval, referenceErrorRate, count, verdict } = guess;
    if (worst !== null && interval.low <= worst.low) continue;
    worst = {
      errorRate,
      low: interval.low,
      high: interval.high,
      referenceErrorRate,
      count,
      verdict,
    };
  }
  return worst;
}

function share(rate: number): number {
  return Math.min(1, Math.max(0, rate));
}

function sum(users: readonly DriftOfUser[], of: (user: DriftOfUser) => number): number {
  return users.reduce((total, user) => total + of(user), 0);
}
