// Simulated people on one device: what is found for each, how long it stands, and what leaves the device of it.
import {
  DRIFT_FINDINGS_MAX,
  DRIFT_ONSET_STEP_MS,
  decodeCbor,
  encodeCbor,
  unwrap,
} from "@attune/protocol";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { gaussian } from "../../ports/random.ts";
import { fitFeatureReference } from "../monitor/features/fitFeatureReference.ts";
import { defaultMonitorPolicy } from "../monitor/userMonitors.ts";
import { createBusinessRules } from "../validation/businessRules.ts";
import { type DriftOfUser, driftReportOf } from "./driftReport.ts";
import {
  createUserDrift,
  type DriftReference,
  type UserDrift,
  type UserDriftReport,
  type UserDriftState,
  type UserFinding,
} from "./userDrift.ts";

const channels = ["a", "b", "c"];
const classCount = 2;
const hopMs = 1280;

/** A person with own means, in bouts of 12 windows. */
function* windowsOf(name: string): Generator<{ features: number[]; label: number }> {
  const random = createSeededRandom(name);
  const own = Array.from({ length: classCount * channels.length }, () => gaussian(random));
  for (let bout = 0; ; bout++) {
    const label = bout % classCount;
    for (let step = 0; step < 12; step++) {
      const features = channels.map(
        (_, index) => 3 * label + (own[label * 3 + index] as number) + 0.2 * gaussian(random),
      );
      yield { features, label };
    }
  }
}

const people = Array.from({ length: 12 }, (_, person) => {
  const stream = windowsOf(`known ${person}`);
  const windows = Array.from({ length: 300 }, () => stream.next().value);
  return {
    features: windows.flatMap(({ features }) => features),
    predictedClasses: windows.map(({ label }) => label),
  };
});
const reference: DriftReference = {
  features: unwrap(
    fitFeatureReference(people, {
      layout: {
        featureCount: 3,
        series: channels.map((name, index) => ({ name, features: [index], isChannel: true })),
        logFeatures: [],
        axes: [],
        logFloor: 1,
      },
      classCount,
    }),
  ),
  errors: { threshold: 0.6, errorRate: 0.1, confidence: 0.85 },
};

/** A stream of a person that goes on from where it was. */
function life(name: string) {
  const stream = windowsOf(name);
  let nowMs = 1000 * DRIFT_ONSET_STEP_MS;
  return (drift: UserDrift, count: number, shift = 0, confidence = 0.85): void => {
    for (let step = 0; step < count; step++) {
      const { features, label } = stream.next().value;
      features[1] = (features[1] as number) + shift;
      nowMs += hopMs;
      drift.observe(features, label, confidence, nowMs);
    }
  };
}

const create = (state?: UserDriftState): UserDrift =>
  createUserDrift(reference, defaultMonitorPolicy, state);

const noRules = createBusinessRules([], ["x", "y"]).report();
const userOf = (drift: UserDriftReport, change: Partial<DriftOfUser> = {}): DriftOfUser => ({
  drift,
  outliers: { recentRate: 0.05, referenceRate: 0.1 },
  outlierCount: 0,
  data: {
    quarantined: 0,
    problems: {
      "input.value_missing": 0,
      "input.not_finite": 0,
      "input.value_outside": 0,
      "input.channel_saturated": 0,
      "input.channel_stuck": 0,
      "input.window_duplicated": 0,
      "input.sampling_gap": 0,
    },
  },
  rules: noRules,
  ...change,
});

it("[LC95] what has drifted is found with direction, severity and a coarse onset, and stands while it lasts", () => {
  const drift = create();
  const live = life("anna");
  live(drift, 20);
  expect(drift.report()).toMatchObject({ isLearning: true, findings: [] });
  live(drift, 1480);
  expect(drift.report()).toMatchObject({ isLearning: false, findings: [], windows: 1500 });
  const changedAtMs = 1000 * DRIFT_ONSET_STEP_MS + 1500 * hopMs;
  live(drift, 100, 2);
  const found = drift.report().findings.find(({ name }) => name === "b") as UserFinding;
  expect(found).toMatchObject({ kind: "feature", direction: "up" });
  expect(found.severity.low).toBeGreaterThan(3);
  expect(found.evidence).toBeGreaterThanOrEqual(found.limit);
  expect(found.onsetMs).toBe(changedAtMs - (changedAtMs % DRIFT_ONSET_STEP_MS));
  live(drift, 4000, 2);
  const later = drift.report().findings.find(({ name }) => name === "b");
  expect(later?.onsetMs).toBe(found.onsetMs);
  // Mended: nothing is found again, and the finding is let go.
  live(drift, 600);
  expect(drift.report().findings).toEqual([]);
});

it("[LC95] alarms of rates are findings too, until their monitor has been quiet", () => {
  const drift = create();
  drift.noteAlarms(
    [
      {
        kind: "errorRate",
        evidence: Number.POSITIVE_INFINITY,
        limit: 500,
        rate: 0.4,
        referenceRate: 0.1,
      },
    ],
    7.5 * DRIFT_ONSET_STEP_MS,
  );
  const [found] = drift.report().findings;
  expect(found).toMatchObject({
    kind: "errorRate",
    direction: "up",
    onsetMs: 7 * DRIFT_ONSET_STEP_MS,
  });
  expect(found?.evidence).toBe(1e12);
  expect(found?.severity.mean).toBeCloseTo(0.3, 12);
  expect(found?.severity.low).toBeGreaterThan(0.1);
  for (let feedback = 0; feedback < 63; feedback++) drift.observeFeedback();
  expect(drift.report().findings).toHaveLength(1);
  drift.observeFeedback();
  expect(drift.report().findings).toEqual([]);
  // The ends of the range, where rounding could put a mean outside.
  for (const rate of [0, 1, 1 + 1e-12]) {
    drift.noteAlarms(
      [{ kind: "uncertainty", evidence: 900, limit: 500, rate, referenceRate: 0.1 }],
      0,
    );
    const severity = drift.report().findings[0]?.severity;
    expect(severity?.low).toBeLessThanOrEqual(severity?.mean as number);
    expect(severity?.high).toBeGreaterThanOrEqual(severity?.mean as number);
  }
});

it("[LC101] a finding keeps its age when the clock is set, also over a restart, and no time is no number", () => {
  const rate = (kind: "errorRate" | "uncertainty") =>
    [{ kind, evidence: 900, limit: 500, rate: 0.4, referenceRate: 0.1 }] as const;
  const setAtMs = Date.UTC(2026, 3, 1, 12);
  let drift = create();
  const ageOf = (nowMs: number): number => nowMs - (drift.report().findings[0]?.onsetMs as number);
  // Found three hours after the start, by a clock that began at nought.
  drift.noteAlarms(rate("errorRate"), 3 * DRIFT_ONSET_STEP_MS);
  expect(ageOf(3 * DRIFT_ONSET_STEP_MS)).toBe(0);
  drift.observe([0, 10], 0, 0.9, 5 * DRIFT_ONSET_STEP_MS);
  drift = create(unwrap(decodeCbor(encodeCbor(drift.state()))) as UserDriftState);
  drift.observe([0, 10], 0, 0.9, setAtMs);
  expect(ageOf(setAtMs)).toBe(2 * DRIFT_ONSET_STEP_MS);
  // Started again without a clock, and set again.
  drift = create(drift.state());
  drift.observe([0, 10], 0, 0.9, 1);
  drift.observe([0, 10], 0, 0.9, Number.NaN);
  drift.observe([0, 10], 0, 0.9, setAtMs + DRIFT_ONSET_STEP_MS);
  expect(ageOf(setAtMs + DRIFT_ONSET_STEP_MS)).toBe(2 * DRIFT_ONSET_STEP_MS);
  // A day later it is a day older.
  const dayLaterMs = setAtMs + 25 * DRIFT_ONSET_STEP_MS;
  drift.observe([0, 10], 0, 0.9, dayLaterMs);
  expect(ageOf(dayLaterMs)).toBe(26 * DRIFT_ONSET_STEP_MS);
  const { lastAtMs: _, ...older } = drift.state();
  const undated = older.findings.map((one) => ({ ...one, onsetMs: 0 }));
  // A state from before clocks were set: not 56 years ago.
  drift = create({ ...older, findings: undated, stamps: older.stamps.with(0, dayLaterMs) });
  expect(ageOf(dayLaterMs)).toBe(0);
  drift.noteAlarms(rate("uncertainty"), Number.NaN);
  expect(drift.report().findings.every(({ onsetMs }) => Number.isSafeInteger(onsetMs))).toBe(true);
});

it("[LC95] where features are not watched, a user is known once the rates' own normal is", () => {
  const drift = createUserDrift({ features: null, errors: null }, defaultMonitorPolicy);
  const { baselineBlocks, blockLength } = defaultMonitorPolicy.outlierShare;
  for (let window = 0; window < baselineBlocks * blockLength; window++) {
    expect(drift.report().isLearning).toBe(true);
    expect(drift.observe([], 0, 0.9, window)).toBeNull();
  }
  expect(drift.report()).toMatchObject({ isLearning: false, series: 3, performance: null });
});

it("[LC95] errors are guessed without truth, of what came after the last alarm", () => {
  const drift = create();
  const live = life("ben");
  live(drift, 400);
  expect(drift.report().performance).toMatchObject({ verdict: "fine", count: 400 });
  live(drift, 100, 2, 0.5);
  live(drift, 300, 2, 0.5);
  const guess = drift.report().performance;
  expect(guess?.verdict).toBe("worse");
  expect(guess?.errorRate).toBeCloseTo(0.45, 9);
});

it("[LC96] a state that went through bytes goes on as if nothing had been", () => {
  let parts = create();
  const whole = create();
  const [one, other] = [life("cleo"), life("cleo")];
  for (let turn = 0; turn < 12; turn++) {
    const shift = turn < 8 ? 0 : -2;
    one(parts, 77, shift);
    other(whole, 77, shift);
    parts = create(unwrap(decodeCbor(encodeCbor(parts.state()))) as UserDriftState);
    expect(parts.report()).toEqual(whole.report());
  }
  expect(whole.report().findings[0]).toMatchObject({ direction: "down" });
  expect(encodeCbor(whole.state()).length).toBeLessThan(4096);
  whole.useReference({ ...reference });
  expect(whole.report()).toMatchObject({ isLearning: true, findings: [] });
});

it("[LC97] a device's report counts users, names the worst, and holds nobody's own number twice", () => {
  const fine = create().report();
  const drifted = (
    name: string,
    evidence: number,
    direction: "up" | "down" = "up",
  ): UserFinding => ({
    kind: "feature",
    name,
    direction,
    count: 20,
    evidence,
    limit: 100,
    severity: { mean: 3, low: 2, high: 4 },
    onsetMs: evidence * DRIFT_ONSET_STEP_MS,
    foundAt: 9,
  });
  const someone = (...findings: UserFinding[]): DriftOfUser =>
    userOf({ ...fine, isLearning: false, windows: 10, findings });
  const report = driftReportOf([
    someone(drifted("a", 200), drifted("b", 120)),
    someone(drifted("a", 300)),
    someone(drifted("a", 150, "down")),
    userOf(fine, {
      outliers: { recentRate: 0.5, referenceRate: 0.2 },
      outlierCount: 7,
      rules: [{ rule: "r", count: 3, isBroken: true }],
    }),
  ]);
  expect(report).toMatchObject({
    verdict: "fail",
    users: 4,
    learningUsers: 1,
    driftedUsers: 3,
    windows: 30,
    outliers: { windows: 7, recentShare: 0.5, referenceShare: 0.2 },
    rules: { violations: 3, broken: 1 },
  });
  expect(
    report.findings.map(({ name, direction, users, evidence }) => [
      name,
      direction,
      users,
      evidence,
    ]),
  ).toEqual([
    ["a", "up", 2, 300],
    ["a", "down", 1, 150],
    ["b", "up", 1, 120],
  ]);
  expect(report.findings[0]?.onsetMs).toBe(200 * DRIFT_ONSET_STEP_MS);
  expect(JSON.stringify(report)).not.toContain("foundAt");
  expect(driftReportOf([])).toMatchObject({ verdict: "learning", users: 0 });
});

it("[LC97] of too many findings the ones with the most evidence have a name, the others are counted", () => {
  const findings = Array.from(
    { length: 40 },
    (_, index): UserFinding => ({
      kind: "feature",
      name: `series ${index}`,
      direction: "mixed",
      count: 1,
      evidence: 1000 + index,
      limit: 100,
      severity: { mean: 1, low: 1, high: 1 },
      onsetMs: 0,
      foundAt: 0,
    }),
  );
  const { windows: _, ...rest } = create().report();
  const report = driftReportOf([userOf({ ...rest, windows: 5, isLearning: false, findings })]);
  expect(report.findings).toHaveLength(DRIFT_FINDINGS_MAX);
  expect(report.findings[0]?.name).toBe("series 39");
  expect(report.unnamedFindings).toBe(32);
});
