// Streams of windows: determinism, order, bouts.
import { expect, it } from "vitest";
import { activities } from "./activity.ts";
import { HOP_MS, HOP_SAMPLES, type LabelledWindow, WINDOW_SAMPLES } from "./inertialWindow.ts";
import { createPerson } from "./person.ts";
import { wearingPositions } from "./wearing.ts";

const windows = (id: string, from: number, count: number, everyMs?: number): LabelledWindow[] =>
  createPerson({ seed: 7, id }).record(count, from, everyMs);

it("[PE1] the same seed and id give the same windows", () => {
  expect(windows("anna", 0, 50)).toEqual(windows("anna", 0, 50));
});

it("[PE1] another id or another seed is another person", () => {
  const [anna] = windows("anna", 0, 1);
  const [bert] = windows("bert", 0, 1);
  const [other] = createPerson({ seed: 8, id: "anna" }).record(1, 0);
  expect(anna?.samples).not.toEqual(bert?.samples);
  expect(anna?.samples).not.toEqual(other?.samples);
});

it.each(wearingPositions)(
  "[PE1] a stream of %s that begins later agrees with one that began before",
  (position) => {
    const person = createPerson({ seed: 7, id: "anna", position });
    const all = person.record(400, 0);
    const middle = all[311];
    const later = person.record(50, middle?.startMs ?? 0);
    expect(later).toEqual(all.slice(311, 361));
  },
);

it("[PE1] windows that are left out change nothing in the others", () => {
  const sparse = windows("anna", 0, 60, 30_000);
  const dense = new Map(windows("anna", 0, 3000).map((window) => [window.startMs, window]));
  for (const window of sparse) expect(dense.get(window.startMs)).toEqual(window);
});

it("[PE2] windows come in time order, on hops, 2.56 s long, at least the asked time apart", () => {
  let before = Number.NEGATIVE_INFINITY;
  for (const { startMs, endMs, samples, label } of windows("anna", 5000, 300, 10_000)) {
    expect(startMs).toBeGreaterThanOrEqual(5000);
    expect(startMs - before).toBeGreaterThanOrEqual(10_000);
    expect(startMs % HOP_MS).toBe(0);
    expect(endMs - startMs).toBe(2560);
    expect(samples).toHaveLength(768);
    expect(activities[label]).toBeDefined();
    before = startMs;
  }
});

it("[PE2] overlapping windows agree on the samples that they share, and carry one label", () => {
  const stream = windows("anna", 0, 400);
  const pairs = stream.slice(1).map((window, index) => ({ window, before: stream[index] }));
  const overlapping = pairs.filter(
    ({ window, before }) => window.startMs - (before?.startMs ?? 0) === HOP_MS,
  );
  const apart = pairs.filter((pair) => !overlapping.includes(pair));
  expect(overlapping.length).toBeGreaterThan(300);
  for (const { window, before } of overlapping) {
    expect(window.label).toBe(before?.label);
    for (let channel = 0; channel < 6; channel++) {
      const start = channel * WINDOW_SAMPLES;
      expect(window.samples.subarray(start, start + HOP_SAMPLES)).toEqual(
        before?.samples.subarray(start + HOP_SAMPLES, start + WINDOW_SAMPLES),
      );
    }
  }
  // Between two bouts exactly one is not there: the one that would straddle them.
  expect(apart.length).toBeGreaterThan(2);
  for (const { window, before } of apart) {
    expect(window.startMs - (before?.startMs ?? 0)).toBe(2 * HOP_MS);
    expect(window.label).not.toBe(before?.label);
  }
});

it("does every activity within some hours", () => {
  const seen = new Set(windows("anna", 0, 400, 30_000).map(({ label }) => label));
  expect(seen.size).toBe(activities.length);
});
