// Roles of windows: halves, the one that straddles them, transitions.
import { expect, it } from "vitest";
import { hasDataSet } from "../data/dataFolder.ts";
import type { HaptWindow } from "../data/loadHarHapt.ts";
import { loadHarHapt } from "../data/loadHarHapt.ts";
import { createTimeline, windowsOf } from "./timeline.ts";

function windowAt(startMs: number, label: number | null): HaptWindow {
  return {
    startMs,
    endMs: startMs + 2560,
    experiment: 1,
    classId: label === null ? 9 : label + 1,
    label,
    samples: new Float32Array(768),
    features: new Float32Array(36),
  };
}

const rolesOf = (windows: HaptWindow[]): string[] =>
  createTimeline({ subject: 1, windows }).map(({ role }) => role);

it("[HA2] feeds back the first half of an activity, leaves out what straddles, scores the rest", () => {
  const windows = [0, 1280, 2560, 3840, 5120].map((startMs) => windowAt(startMs, 0));
  expect(rolesOf(windows)).toEqual(["feedback", "feedback", "straddling", "scored", "scored"]);
});

it("[HA2] leaves out nothing where the halves share no sample", () => {
  const windows = [0, 1280, 3840, 5120].map((startMs) => windowAt(startMs, 0));
  expect(rolesOf(windows)).toEqual(["feedback", "feedback", "scored", "scored"]);
});

it("[HA2] halves each activity apart, and keeps transitions out of it", () => {
  const windows = [
    windowAt(0, 0),
    windowAt(3000, 4),
    windowAt(6000, null),
    windowAt(9000, 0),
    windowAt(12_000, 4),
  ];
  expect(rolesOf(windows)).toEqual(["feedback", "feedback", "transition", "scored", "scored"]);
});

it("[HA3] scores the only window of an activity", () => {
  expect(rolesOf([windowAt(0, 2)])).toEqual(["scored"]);
});

it("[HA2] no scored window of a real person shares a sample with a feedback window", async (context) => {
  if (!hasDataSet("har-hapt")) {
    context.skip("needs HAPT: set ATTUNE_DATA to the folder that has har-hapt/");
  }
  const { people } = await loadHarHapt();
  for (const person of people) {
    const timeline = createTimeline(person);
    const feedback = windowsOf(timeline, "feedback");
    const scored = windowsOf(timeline, "scored");
    expect(timeline.map(({ window }) => window)).toEqual(person.windows);
    expect(scored.every(({ label }) => label !== null)).toBe(true);
    for (const window of scored) {
      const overlapping = feedback.filter(
        (other) => other.startMs < window.endMs && window.startMs < other.endMs,
      );
      expect(overlapping).toEqual([]);
    }
  }
});
