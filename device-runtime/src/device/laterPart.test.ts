import { expect, it } from "vitest";
import { createManualClock } from "../adapters/manualClock.ts";
import { createLane } from "./lane.ts";
import { createLaterPart, type LaterPart } from "./laterPart.ts";

/** A part that can be had from the time on when `isServed` says so. */
function bench(): {
  readonly part: LaterPart<string>;
  readonly clock: ReturnType<typeof createManualClock>;
  readonly lane: ReturnType<typeof createLane>;
  readonly told: string[];
  serve(): void;
  loads(): number;
} {
  const clock = createManualClock(0);
  const lane = createLane();
  const told: string[] = [];
  let isServed = false;
  let loads = 0;
  const part = createLaterPart<string>({
    clock,
    lane,
    now: null,
    load() {
      loads += 1;
      return isServed ? Promise.resolve("part") : Promise.reject(new Error("not served"));
    },
    arrived: () => told.push("arrived"),
    failed: (error) => told.push((error as Error).message),
  });
  return {
    part,
    clock,
    lane,
    told,
    serve() {
      isServed = true;
    },
    loads: () => loads,
  };
}

it("[DR53] a part that is wanted is tried again until it can be had, and its want is told once", async () => {
  const { part, clock, lane, told, serve, loads } = bench();
  part.want();
  part.want();
  await lane.whenIdle();
  expect(told).toEqual(["not served"]);
  clock.advanceTo(clock.nextDueMs() ?? 0);
  await lane.whenIdle();
  expect(told).toEqual(["not served"]);
  serve();
  clock.advanceTo(clock.nextDueMs() ?? 0);
  await lane.whenIdle();
  expect(told).toEqual(["not served", "arrived"]);
  expect([part.here, loads()]).toEqual(["part", 3]);
  part.want();
  expect(clock.nextDueMs()).toBeNull();
});

it("[DR53] who needs a part hears why it cannot be had, and asking again loads again", async () => {
  const { part, told, serve, loads } = bench();
  await expect(part.need()).rejects.toThrow("not served");
  serve();
  expect(await Promise.all([part.need(), part.need()])).toEqual(["part", "part"]);
  expect([told, loads()]).toEqual([["arrived"], 2]);
});

it("[DR53] a part that was stopped is not tried again", async () => {
  const { part, clock, lane } = bench();
  part.want();
  await lane.whenIdle();
  part.stop();
  part.want();
  expect([clock.nextDueMs(), part.here]).toEqual([null, null]);
});
