import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createSystemClock } from "./systemClock.ts";

beforeEach(() => void vi.useFakeTimers({ now: 5_000 }));
afterEach(() => void vi.useRealTimers());

const dayMs = 86_400_000;

it("[LC3] the system clock tells the machine's time and fires once, after the delay", () => {
  const clock = createSystemClock();
  const seen: number[] = [];
  clock.setTimer(250, () => seen.push(clock.nowMs()));
  vi.advanceTimersByTime(249);
  expect(seen).toEqual([]);
  vi.advanceTimersByTime(1_000);
  expect(seen).toEqual([5_250]);
});

it("[LC3] a delay beyond the platform's 24.8 days is kept, and can be cancelled half-way", () => {
  const clock = createSystemClock();
  const seen: string[] = [];
  clock.setTimer(60 * dayMs, () => seen.push("kept"));
  const cancelled = clock.setTimer(60 * dayMs, () => seen.push("cancelled"));
  vi.advanceTimersByTime(59 * dayMs);
  expect(seen).toEqual([]);
  cancelled.cancel();
  vi.advanceTimersByTime(dayMs);
  expect(seen).toEqual(["kept"]);
});
