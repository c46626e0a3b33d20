import { expect, it } from "vitest";
import { fleetDrift } from "../core/drift/fleetDrift.ts";
import {
  DRIFT_FRESH_DEVICES_MAX,
  DRIFT_SILENT_MS,
  DRIFT_VIEW_AGE_MS,
  DRIFT_VIEWS_MAX,
} from "../limits.ts";
import { createDriftViews, type MadeView } from "./driftViews.ts";

const day = 86_400_000;

/** Asks, and counts how often an answer had to be made. */
function bench(deviceCount: number, oldestMs: number | null = null) {
  const views = createDriftViews();
  let made = 0;
  const make = (): MadeView => {
    made += 1;
    return { view: fleetDrift([], 0), deviceCount, oldestMs };
  };
  return {
    ask: (revision: number, nowMs: number, name = "line") =>
      views.of(name, { revision, nowMs }, make),
    made: () => made,
  };
}

it("[HB105] while nothing has changed an answer is the one that was given before", () => {
  const { ask, made } = bench(10);
  const first = ask(1, 0);
  expect(ask(1, day)).toBe(first);
  expect(made()).toBe(1);
});

it("[HB105] the answer of a small fleet is never older than the last change", () => {
  const { ask, made } = bench(DRIFT_FRESH_DEVICES_MAX);
  ask(1, 0);
  ask(2, 0);
  expect(made()).toBe(2);
});

it("[HB105] however often a large fleet reports, and however often it is asked, an answer is made once in DRIFT_VIEW_AGE_MS", () => {
  const { ask, made } = bench(DRIFT_FRESH_DEVICES_MAX + 1);
  for (let ms = 0; ms < 10 * DRIFT_VIEW_AGE_MS; ms += 100) ask(ms, ms);
  expect(made()).toBe(10);
});

it("[HB105] a device that falls silent, or a clock that is set back, makes it anew", () => {
  const { ask, made } = bench(10, day);
  ask(1, day);
  ask(1, day + DRIFT_SILENT_MS);
  expect(made()).toBe(1);
  ask(1, day + DRIFT_SILENT_MS + 1);
  expect(made()).toBe(2);
  ask(1, day);
  expect(made()).toBe(3);
});

it("[HB105] at most DRIFT_VIEWS_MAX answers are kept, those that were asked for last", () => {
  const { ask, made } = bench(10);
  ask(1, 0, "asked for all the time");
  for (let name = 0; name < 3 * DRIFT_VIEWS_MAX; name += 1) {
    ask(1, 0, `${name}`);
    ask(1, 0, "asked for all the time");
  }
  expect(made()).toBe(1 + 3 * DRIFT_VIEWS_MAX);
  ask(1, 0, "0");
  expect(made()).toBe(2 + 3 * DRIFT_VIEWS_MAX);
});
