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
