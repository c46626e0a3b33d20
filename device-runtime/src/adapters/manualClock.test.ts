import { Defect } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createManualClock } from "./manualClock.ts";

it("[LC3] timers run in order of their time, ties in the order in which they were set, each at its own time", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ delayMs: fc.nat(40), isCancelled: fc.boolean() }), { maxLength: 200 }),
      (timers) => {
        const clock = createManualClock(1000);
        const seen: { index: number; atMs: number }[] = [];
        timers.forEach(({ delayMs, isCancelled }, index) => {
          const timer = clock.setTimer(delayMs, () => seen.push({ index, atMs: clock.nowMs() }));
          if (isCancelled) timer.cancel();
        });
        clock.advance(40);
        const expected = timers
          .map(({ delayMs, isCancelled }, index) => ({ index, atMs: 1000 + delayMs, isCancelled }))
          .filter(({ isCancelled }) => !isCancelled)
          .sort((a, b) => a.atMs - b.atMs || a.index - b.index)
          .map(({ index, atMs }) => ({ index, atMs }));
        expect(seen).toEqual(expected);
        expect(clock.nowMs()).toBe(1040);
        expect(clock.timerCount()).toBe(0);
      },
    ),
  );
});

it("[LC3] a timer set by a callback runs within the same advance when it is due by then", () => {
  const clock = createManualClock();
  const seen: number[] = [];
  const again = (): void => {
    seen.push(clock.nowMs());
    clock.setTimer(10, again);
  };
  clock.setTimer(10, again);
  clock.advance(35);
  expect(seen).toEqual([10, 20, 30]);
  expect(clock.nextDueMs()).toBe(40);
  expect(clock.runNext()).toBe(true);
  expect(clock.nowMs()).toBe(40);
});

it("[LC3] a callback may cancel a timer of the same instant, and a timer twice", () => {
  const clock = createManualClock();
  const seen: string[] = [];
  clock.setTimer(5, () => {
    seen.push("first");
    second.cancel();
    second.cancel();
  });
  const second = clock.setTimer(5, () => seen.push("second"));
  clock.advance(5);
  expect(seen).toEqual(["first"]);
  expect(clock.runNext()).toBe(false);
  expect(clock.nextDueMs()).toBeNull();
});

it("[LC3] a clock that sets and cancels for ever keeps its order and its size", () => {
  const clock = createManualClock();
  const seen: number[] = [];
  for (let index = 0; index < 100; index++) {
    clock.setTimer(100 - index, () => seen.push(clock.nowMs()));
  }
  for (let index = 0; index < 10_000; index++) clock.setTimer(index % 50, () => {}).cancel();
  expect(clock.timerCount()).toBe(100);
  clock.advance(100);
  expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
});

it("[LC3] a manual clock never goes back", () => {
  const clock = createManualClock(10);
  expect(() => clock.advanceTo(9)).toThrow(Defect);
  expect(() => clock.advance(Number.NaN)).toThrow(Defect);
});
