import { Defect } from "@attune/protocol";
import { expect, it } from "vitest";
import { createManualClock } from "./manualClock.ts";
import { createScaledClock } from "./scaledClock.ts";

it("[LC3] a scaled clock starts at its base's time and runs factor times as fast, its timers too", () => {
  const base = createManualClock(1_000);
  const clock = createScaledClock(base, 60);
  expect(clock.nowMs()).toBe(1_000);
  const seen: number[] = [];
  clock.setTimer(60_000, () => seen.push(clock.nowMs()));
  const cancelled = clock.setTimer(30_000, () => seen.push(-1));
  cancelled.cancel();
  base.advance(999);
  expect(seen).toEqual([]);
  base.advance(1);
  expect(seen).toEqual([61_000]);
});

it("[LC3] a factor that stops time or turns it is a defect", () => {
  for (const factor of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => createScaledClock(createManualClock(), factor)).toThrow(Defect);
  }
});
