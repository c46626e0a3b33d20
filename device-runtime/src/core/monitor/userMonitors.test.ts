import { Defect } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { type Random, uniform } from "../../ports/random.ts";
import {
  createUserMonitors,
  defaultMonitorPolicy,
  type MonitorAlarm,
  type MonitorSettings,
  type UserMonitors,
} from "./userMonitors.ts";

const settings: MonitorSettings = {
  ...defaultMonitorPolicy,
  reference: { errorRate: 0.1, outlierShare: 0.05, confidence: 0.9 },
};

/** Feeds answers of a person with such rates; returns every alarm. */
function answers(
  monitors: UserMonitors,
  random: Random,
  count: number,
  rates: { readonly outliers: number; readonly confidence: number },
): MonitorAlarm[] {
  const alarms: MonitorAlarm[] = [];
  for (let index = 0; index < count; index++) {
    const raised = monitors.observePrediction({
      isOutlier: uniform(random) < rates.outliers,
      confidence: Math.min(1, Math.max(0, rates.confidence + 0.2 * (uniform(random) - 0.5))),
    });
    alarms.push(...(raised ?? []));
  }
  return alarms;
}

it("[LC17] feedback that turns bad raises the error alarm, with the numbers it rests on", () => {
  const monitors = createUserMonitors(settings);
  const random = createSeededRandom("errors");
  for (let index = 0; index < 300; index++) {
    expect(monitors.observeFeedback(uniform(random) >= 0.1)).toBeNull();
  }
  let raised: readonly MonitorAlarm[] | null = null;
  let count = 0;
  while (raised === null) {
    raised = monitors.observeFeedback(uniform(random) >= 0.6);
    count++;
  }
  expect(count).toBeLessThan(60);
  expect(raised).toHaveLength(1);
  expect(raised[0]).toMatchObject({ kind: "errorRate", limit: 500 });
  expect(raised[0]?.referenceRate).toBeCloseTo(0.12, 12);
  expect(raised[0]?.evidence).toBeGreaterThanOrEqual(500);
  expect(raised[0]?.rate).toBeGreaterThan(0.2);
  expect(monitors.report().errorRate).toMatchObject({ alarmCount: 1, evidence: 0 });
});

it("[LC17] without feedback, more outliers or more doubt raise their alarms, each its own", () => {
  const random = createSeededRandom("label-free");
  const more = createUserMonitors(settings);
  expect(answers(more, random, 2000, { outliers: 0.05, confidence: 0.9 })).toEqual([]);
  const kinds = (alarms: readonly MonitorAlarm[]): string[] => [
    ...new Set(alarms.map(({ kind }) => kind)),
  ];
  expect(kinds(answers(more, random, 2000, { outliers: 0.5, confidence: 0.9 }))).toEqual([
    "outlierShare",
  ]);
  expect(kinds(answers(more, random, 2000, { outliers: 0.05, confidence: 0.5 }))).toEqual([
    "uncertainty",
  ]);
});

it("[LC16] a normal but unusual person is learned as normal, and a rise from there is still seen", () => {
  const random = createSeededRandom("unusual");
  const monitors = createUserMonitors(settings);
  expect(monitors.report().outlierShare.waiting).toBe(
    "waiting: 0 of 12 blocks to learn what is normal here",
  );
  // Three times the population's outliers from the first window on.
  expect(answers(monitors, random, 6000, { outliers: 0.15, confidence: 0.85 })).toEqual([]);
  expect(monitors.report().outlierShare.waiting).toBe("");
  expect(
    answers(monitors, random, 3000, { outliers: 0.6, confidence: 0.85 }).length,
  ).toBeGreaterThan(0);
});

it("[LC13] monitors that are stopped anywhere and go on from their state never differ", () => {
  const observation = fc.oneof(
    fc.record({ isOutlier: fc.boolean(), confidence: fc.double({ min: 0, max: 1, noNaN: true }) }),
    fc.boolean(),
  );
  const small: MonitorSettings = {
    errorRate: { ...settings.errorRate, blockLength: 2 },
    outlierShare: { ...settings.outlierShare, blockLength: 3, baselineBlocks: 4 },
    uncertainty: { ...settings.uncertainty, blockLength: 1, baselineBlocks: 0 },
    reference: settings.reference,
  };
  fc.assert(
    fc.property(fc.array(observation, { maxLength: 120 }), fc.nat(120), (observations, cut) => {
      const whole = createUserMonitors(small);
      let parts = createUserMonitors(small);
      observations.forEach((one, index) => {
        if (index === cut) parts = createUserMonitors(small, structuredClone(parts.state()));
        const observe = (monitors: UserMonitors): unknown =>
          typeof one === "boolean"
            ? monitors.observeFeedback(one)
            : monitors.observePrediction(one);
        expect(observe(parts)).toEqual(observe(whole));
      });
      expect(parts.state()).toEqual(whole.state());
      expect(parts.report()).toEqual(whole.report());
    }),
  );
});

it("[LC18] rates under another reference are left aside; under the same one they stay", () => {
  const monitors = createUserMonitors(settings);
  answers(monitors, createSeededRandom("reference"), 1000, { outliers: 0.05, confidence: 0.9 });
  const before = monitors.state();
  monitors.useReference({ ...settings.reference });
  expect(monitors.state()).toEqual(before);
  const other = { ...settings.reference, outlierShare: 0.2 };
  expect(
    createUserMonitors({ ...settings, reference: other }, before).report().outlierShare.count,
  ).toBe(0);
  monitors.useReference(other);
  expect(monitors.report().outlierShare.count).toBe(0);
  expect(monitors.state().reference).toEqual(other);
});

it("[LC17] a steady person raises no more alarms than promised, however unusual", () => {
  const blocks = 1000;
  for (const [outliers, confidence] of [
    [0.2, 0.9],
    [0.3, 0.75],
    [0.5, 0.6],
  ] as const) {
    let alarmCount = 0;
    for (let person = 0; person < 20; person++) {
      const random = createSeededRandom(`steady ${person} ${outliers}`);
      const monitors = createUserMonitors(settings);
      alarmCount += answers(monitors, random, 16 * blocks, { outliers, confidence }).length;
    }
    // Two rates are watched, each promises 500 blocks.
    expect(alarmCount).toBeLessThan((2 * 20 * blocks) / 500);
  }
});

it("[LC17] a confidence that is not a number is counted and changes nothing else", () => {
  const [whole, disturbed] = [createUserMonitors(settings), createUserMonitors(settings)];
  const random = createSeededRandom("disturbed");
  for (let index = 0; index < 16 * 40; index++) {
    const answer = { isOutlier: uniform(random) < 0.05, confidence: uniform(random) };
    expect(disturbed.observePrediction(answer)).toEqual(whole.observePrediction(answer));
    if (index % 7 === 0) {
      disturbed.observePrediction({ isOutlier: false, confidence: Number.NaN });
      whole.observePrediction({ isOutlier: false, confidence: 1 });
    }
  }
  expect(disturbed.report().uncertainty.skippedCount).toBe(92);
  expect(disturbed.report().outlierShare).toEqual(whole.report().outlierShare);
  const high = createUserMonitors(settings);
  for (let index = 0; index < 16 * 40; index++) {
    expect(high.observePrediction({ isOutlier: false, confidence: 1.0000001 })).toBeNull();
  }
  expect(high.report().uncertainty.rate).toBe(0);
});

it("[LC17] a state of another version is left aside, one that does not hold together is a defect", () => {
  const monitors = createUserMonitors(settings);
  answers(monitors, createSeededRandom("state"), 400, { outliers: 0.1, confidence: 0.8 });
  const state = monitors.state();
  expect(createUserMonitors(settings, state).state()).toEqual(state);
  const other = { ...state, version: 99 } as unknown as typeof state;
  expect(createUserMonitors(settings, other).report().errorRate.count).toBe(0);
  for (const bad of [
    { totalSum: Number.NaN },
    { totalCount: -1 },
    { baselineSum: 1e9 },
    { recentRate: 2 },
    { skippedCount: 0.5 },
  ]) {
    const broken = { ...state, uncertainty: { ...state.uncertainty, ...bad } };
    expect(() => createUserMonitors(settings, broken)).toThrow(Defect);
  }
});
