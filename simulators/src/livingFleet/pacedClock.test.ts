// Virtual time runs so many times as fast, and waits for a process that cannot keep up.
import { createManualClock } from "@attune/device-runtime/testing";
import { expect, it } from "vitest";
import { createPacedClock } from "./pacedClock.ts";

function make(speed: number): {
  base: ReturnType<typeof createManualClock>;
  clock: ReturnType<typeof createPacedClock>;
  setBehind: (isBehind: boolean) => void;
} {
  const base = createManualClock(1000);
  let isBehind = false;
  const clock = createPacedClock({ base, speed, isBehind: () => isBehind });
  return {
    base,
    clock,
    setBehind: (now) => {
      isBehind = now;
    },
  };
}

it("[LF7] starts at real time and runs faster", () => {
  const { base, clock } = make(100);
  expect(clock.nowMs()).toBe(1000);
  base.advance(800);
  expect(clock.nowMs()).toBe(1000 + 80_000);
});

it("[LF7] runs timers in virtual time", () => {
  const { base, clock } = make(100);
  const at: number[] = [];
  clock.setTimer(5000, () => at.push(clock.nowMs()));
  base.advance(40);
  expect(at).toEqual([]);
  base.advance(16);
  expect(at).toEqual([6000]);
});

it("[LF7] stands still while somebody is behind, and does not make up for it", () => {
  const { base, clock, setBehind } = make(100);
  setBehind(true);
  base.advance(8000);
  expect(clock.nowMs()).toBe(1000);
  setBehind(false);
  base.advance(80);
  expect(clock.nowMs()).toBe(1000 + 8000);
});

it("[LF7] a process that was kept from running finds little time passed", () => {
  let realMs = 0;
  const due: (() => void)[] = [];
  const base = {
    nowMs: () => realMs,
    setTimer: (_: number, callback: () => void) => {
      due.push(callback);
      return { cancel: () => undefined };
    },
  };
  const clock = createPacedClock({ base, speed: 100, isBehind: () => false });
  realMs = 5000;
  due.shift()?.();
  expect(clock.nowMs()).toBeLessThan(2000);
});

it("[LF7] stops", () => {
  const { base, clock } = make(100);
  clock.stop();
  base.advance(1000);
  expect(clock.nowMs()).toBe(1000);
  expect(base.timerCount()).toBe(0);
});
