// Simulated people with six channels in three classes: what the feature monitor promises, and what it bears.
import { Defect, decodeCbor, encodeCbor, unwrap } from "@attune/protocol";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../../adapters/seededRandom.ts";
import { gaussian } from "../../../ports/random.ts";
import type { FeatureLayout } from "./featureLayout.ts";
import {
  createFeatureMonitor,
  defaultFeatureMonitorPolicy,
  type FeatureAlarm,
  type FeatureMonitor,
  type FeatureMonitorState,
} from "./featureMonitor.ts";
import { checkFeatureReference } from "./featureReference.ts";
import { fitFeatureReference, type PersonWindows } from "./fitFeatureReference.ts";

const channels = ["a", "b", "c", "d"];
const featureCount = 2 * channels.length;
const classCount = 3;
/** A mean and a deviation of each channel. */
const layout: FeatureLayout = {
  featureCount,
  series: channels.map((name, index) => ({
    name,
    features: [index, channels.length + index],
    isChannel: true,
  })),
  logFeatures: channels.map((_, index) => channels.length + index),
  axes: [[0, 1, 2]],
  logFloor: 1e-3,
};

/** A person: own means by class, bouts of 12 windows that differ a little from each other. */
function* windowsOf(name: string): Generator<{ features: number[]; label: number }> {
  const random = createSeededRandom(name);
  const own = Array.from({ length: classCount * featureCount }, () => gaussian(random));
  for (let bout = 0; ; bout++) {
    const label = bout % classCount;
    const posture = channels.map(() => 0.1 * gaussian(random));
    for (let step = 0; step < 12; step++) {
      const features = Array.from({ length: featureCount }, (_, index) => {
        const centre = own[label * featureCount + index] as number;
        if (index >= channels.length) return Math.exp(0.3 * centre + 0.1 * gaussian(random));
        return 3 * label + centre + (posture[index] as number) + 0.1 * gaussian(random);
      });
      yield { features, label };
    }
  }
}

function take(name: string, count: number): PersonWindows {
  const stream = windowsOf(name);
  const windows = Array.from({ length: count }, () => stream.next().value);
  return {
    features: windows.flatMap((window) => window.features),
    predictedClasses: windows.map((window) => window.label),
  };
}

const people = Array.from({ length: 20 }, (_, person) => take(`known ${person}`, 400));
const reference = unwrap(fitFeatureReference(people, { layout, classCount }));

type Change = (features: number[]) => void;
const dead: Change = (features) => {
  features[1] = 0;
  features[channels.length + 1] = 0;
};
const biased: Change = (features) => {
  features[2] = (features[2] as number) + 1;
};

/** The alarm after a change, and how many windows it took. */
function firstAlarm(name: string, change: Change): { alarm: FeatureAlarm; delay: number } | null {
  const monitor = createFeatureMonitor(reference);
  const stream = windowsOf(name);
  for (let step = 0; step < 400; step++) {
    const { features, label } = stream.next().value;
    expect(monitor.observe(features, label)).toBeNull();
  }
  for (let delay = 1; delay <= 60; delay++) {
    const { features, label } = stream.next().value;
    change(features);
    const alarm = monitor.observe(features, label);
    if (alarm !== null) return { alarm, delay };
  }
  return null;
}

it("[LC90] a dead and a biased channel are found in 30 windows and named first, with onset and severity", () => {
  for (const [change, channel, direction] of [
    [dead, "b", "down"],
    [biased, "c", "up"],
  ] as const) {
    const onsetErrors: number[] = [];
    for (let person = 0; person < 10; person++) {
      const found = firstAlarm(`new ${person}`, change);
      expect(found?.delay).toBeLessThanOrEqual(30);
      const { alarm, delay } = found as { alarm: FeatureAlarm; delay: number };
      expect(alarm.channels[0]?.name).toBe(channel);
      expect(alarm.channels).toHaveLength(channels.length);
      const [drifted] = alarm.drifted;
      expect(alarm.drifted.find(({ name }) => name === channel)?.direction).toBe(direction);
      onsetErrors.push(Math.abs((drifted?.onsetWindows as number) - delay));
      expect(drifted?.severity.low).toBeGreaterThan(1.5);
      expect(drifted?.severity.high).toBeGreaterThanOrEqual(drifted?.severity.mean as number);
      expect(drifted?.evidence).toBeGreaterThanOrEqual(alarm.limit / alarm.drifted.length);
    }
    // A posture before the change can look like its beginning: the median tells.
    expect(onsetErrors.sort((a, b) => a - b)[5]).toBeLessThanOrEqual(4);
  }
});

it("[LC91] people unlike all others, whose bouts differ, raise no more alarms than was promised", () => {
  const windows = 4000;
  let alarmCount = 0;
  for (let person = 0; person < 20; person++) {
    const monitor = createFeatureMonitor(reference);
    const stream = windowsOf(`steady ${person}`);
    for (let step = 0; step < windows; step++) {
      const { features, label } = stream.next().value;
      if (monitor.observe(features, label) !== null) alarmCount++;
    }
  }
  const promised = (20 * windows) / defaultFeatureMonitorPolicy.averageRunLengthMin;
  expect(alarmCount).toBeLessThanOrEqual(promised + 4 * Math.sqrt(promised));
});

it("[LC91] a channel that never varies raises no alarm by its rounding, and one when it wakes", () => {
  const still: FeatureLayout = {
    featureCount: 3,
    series: ["a", "b", "still"].map((name, index) => ({
      name,
      features: [index],
      isChannel: true,
    })),
    logFeatures: [],
    axes: [],
    logFloor: 1,
  };
  for (const level of [0, 0.1, 9.81]) {
    const random = createSeededRandom(`still ${level}`);
    const window = (value: number): number[] => [gaussian(random), gaussian(random), value];
    const known = Array.from({ length: 7 }, () => ({
      features: Array.from({ length: 200 }, () => window(level)).flat(),
      predictedClasses: Array.from({ length: 200 }, () => 0),
    }));
    const fitted = unwrap(fitFeatureReference(known, { layout: still, classCount: 1 }));
    const monitor = createFeatureMonitor(fitted);
    for (let step = 0; step < 1000; step++) {
      expect(monitor.observe(window(level + 1e-12 * (step % 2)), 0)).toBeNull();
    }
    let alarm: FeatureAlarm | null = null;
    let delay = 0;
    for (; alarm === null && delay < 30; delay++) alarm = monitor.observe(window(level + 1), 0);
    expect(alarm?.channels[0]?.name).toBe("still");
  }
});

it("[LC91] no alarm while a class is learned, and none from a class that was never seen before", () => {
  const monitor = createFeatureMonitor(reference);
  const { baselineCount } = defaultFeatureMonitorPolicy;
  for (let step = 0; step < baselineCount; step++) {
    expect(
      monitor.observe(
        Array.from({ length: featureCount }, () => 50 * (step % 2)),
        0,
      ),
    ).toBeNull();
  }
  expect(monitor.report()).toMatchObject({ learnedClassCount: 1, classCount, alarmCount: 0 });
  for (let step = 0; step < baselineCount - 1; step++) {
    expect(
      monitor.observe(
        Array.from({ length: featureCount }, () => -50),
        2,
      ),
    ).toBeNull();
  }
  expect(monitor.report().series.every(({ evidence }) => evidence < 10)).toBe(true);
});

function hostileWindow(step: number): { features: ArrayLike<number>; label: number } {
  const values = [Number.NaN, Number.POSITIVE_INFINITY, 5e-324, 1e100, -1e100, 1e308, 0];
  const value = values[step % values.length] as number;
  const label = [0, 1, 2, 3, -1, 0.5, Number.NaN][Math.floor(step / 7) % 7] as number;
  return { features: Array.from({ length: featureCount }, () => value), label };
}

it("[LC92] hostile windows never throw, are counted, and leave a monitor that can go on", () => {
  const monitor = createFeatureMonitor(reference);
  for (let step = 0; step < 5000; step++) {
    const { features, label } = hostileWindow(step);
    monitor.observe(features, label);
  }
  monitor.observe([], 0);
  const { windowCount, skippedCount } = monitor.report();
  expect(windowCount + skippedCount).toBe(5001);
  expect(skippedCount).toBeGreaterThan(3000);
  const bytes = encodeCbor(monitor.state());
  const resumed = createFeatureMonitor(
    reference,
    defaultFeatureMonitorPolicy,
    unwrap(decodeCbor(bytes)) as FeatureMonitorState,
  );
  expect(resumed.report()).toEqual(monitor.report());
  // A stream that never varies has no deviation of its own; the population's stands in.
  const constant = createFeatureMonitor(reference);
  for (let step = 0; step < 2000; step++) {
    const label = step % classCount;
    const features = layout.series.map(() => 3 * label).concat(layout.series.map(() => 1));
    expect(constant.observe(features, label)).toBeNull();
  }
});

it("[LC92] a monitor that is stopped anywhere and goes on from its bytes never differs", () => {
  const whole = createFeatureMonitor(reference);
  let parts: FeatureMonitor = createFeatureMonitor(reference);
  const stream = windowsOf("resumed");
  for (let step = 0; step < 600; step++) {
    const { features, label } = stream.next().value;
    if (step > 450) biased(features);
    if (step % 97 === 0) {
      const state = unwrap(decodeCbor(encodeCbor(parts.state()))) as FeatureMonitorState;
      parts = createFeatureMonitor(reference, defaultFeatureMonitorPolicy, state);
    }
    expect(parts.observe(features, label)).toEqual(whole.observe(features, label));
  }
  expect(whole.report().alarmCount).toBeGreaterThan(0);
  expect(parts.state()).toEqual(whole.state());
});

it("[LC92] the state of 36 features in 6 classes takes at most 4 KB", () => {
  const features = Array.from({ length: 36 }, (_, index) => index);
  const wide: FeatureLayout = {
    featureCount: 36,
    series: Array.from({ length: 8 }, (_, line) => ({
      name: `series ${line}`,
      features: features.filter((index) => index % 8 === line),
      isChannel: true,
    })),
    logFeatures: [],
    axes: [
      [0, 1, 2],
      [3, 4, 5],
    ],
    logFloor: 1,
  };
  const random = createSeededRandom("wide");
  const wearings = Array.from({ length: 3 }, () => ({
    features: Array.from({ length: 36 * 200 }, () => gaussian(random)),
    predictedClasses: Array.from({ length: 200 }, (_, window) => window % 6),
  }));
  const wideReference = unwrap(fitFeatureReference(wearings, { layout: wide, classCount: 6 }));
  const monitor = createFeatureMonitor(wideReference);
  for (let step = 0; step < 400; step++) {
    monitor.observe(
      features.map(() => gaussian(random)),
      step % 6,
    );
  }
  expect(encodeCbor(monitor.state()).length).toBeLessThanOrEqual(4096);
});

it("[LC92] references, layouts, people and states that do not fit are refused", () => {
  expect(checkFeatureReference(reference).ok).toBe(true);
  for (const bad of [
    { ...reference, version: 1 },
    { ...reference, classCount: 4 },
    { ...reference, classCount: 1e9 },
    { ...reference, means: reference.means.slice(1) },
    { ...reference, means: reference.means.map(() => Number.NaN) },
    { ...reference, withinVariances: reference.withinVariances.map(() => 0) },
    { ...reference, factor: reference.factor.map(() => 0) },
    { ...reference, scoreLimits: reference.scoreLimits.map(() => 0) },
    { ...reference, layout: { ...layout, series: [] } },
    { ...reference, layout: { ...layout, logFeatures: [99] } },
    { ...reference, layout: { ...layout, logFloor: 0 } },
    { ...reference, layout: { ...layout, featureCount: 1e9 } },
  ]) {
    expect(checkFeatureReference(bad as typeof reference)).toMatchObject({ ok: false });
  }
  const [person] = people as [PersonWindows];
  for (const bad of [
    [],
    [{ ...person, predictedClasses: [0] }],
    [{ features: Array.from({ length: featureCount }, () => Number.NaN), predictedClasses: [0] }],
    [{ features: Array.from({ length: featureCount }, () => 0), predictedClasses: [7] }],
  ]) {
    expect(fitFeatureReference(bad, { layout, classCount })).toMatchObject({ ok: false });
  }
  const state = createFeatureMonitor(reference).state();
  for (const bad of [
    { ...state, version: 1 },
    { ...state, wealth: new Float64Array(1) },
    { ...state, changes: { ...state.changes, wealth: new Float64Array(1) } },
    { ...state, baseline: { ...state.baseline, centres: new Float32Array(1) } },
  ]) {
    expect(() =>
      createFeatureMonitor(reference, defaultFeatureMonitorPolicy, bad as FeatureMonitorState),
    ).toThrow(Defect);
  }
});
