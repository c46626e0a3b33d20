import { Defect } from "@attune/protocol";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { gaussian } from "../../ports/random.ts";
import {
  checkQuantileSketch,
  createQuantileSketch,
  type QuantileSketch,
} from "./quantileSketch.ts";

const count = 50_000;

/** Largest error of the ranks of 99 quantiles. */
function worstRank(sketch: QuantileSketch, sorted: Float64Array): number {
  let worst = 0;
  for (let percent = 1; percent < 100; percent++) {
    const value = sorted[Math.floor((percent / 100) * sorted.length)] as number;
    worst = Math.max(worst, Math.abs(sketch.rank(value) - percent / 100));
  }
  return worst;
}

it("[LC87] ranks are within the stated error, of one stream and of eight merged ones", () => {
  const random = createSeededRandom("sketch");
  const values = Float64Array.from({ length: count }, () => gaussian(random));
  const whole = createQuantileSketch(random);
  values.forEach((value) => {
    whole.observe(value);
  });
  const parts = Array.from({ length: 8 }, (_, part) => {
    const sketch = createQuantileSketch(random.fork(`part ${part}`));
    // Sorted parts are the hardest to merge.
    const own = values.slice((part * count) / 8, ((part + 1) * count) / 8).sort();
    own.forEach((value) => {
      sketch.observe(value);
    });
    return sketch;
  });
  const merged = createQuantileSketch(random);
  for (const part of parts) merged.merge(part.state());
  const sorted = values.slice().sort();
  for (const sketch of [whole, merged]) {
    expect(sketch.count).toBe(count);
    // Ninety-nine ranks at once: one of them may be beyond the error that each keeps with 99 %.
    expect(worstRank(sketch, sorted)).toBeLessThan(2 * sketch.rankError());
    expect(sketch.quantile(0)).toBe(sorted[0]);
    expect(sketch.quantile(1)).toBe(sorted.at(-1));
    expect(Math.abs(sketch.quantile(0.5))).toBeLessThan(0.05);
    expect(sketch.state().levels.reduce((sum, level) => sum + level.length, 0)).toBeLessThan(700);
  }
});

it("[LC87] a short stream is kept whole, and a resumed sketch is the same to the bit", () => {
  const short = createQuantileSketch(createSeededRandom(1));
  for (const value of [3, 1, 2, Number.NaN, Number.POSITIVE_INFINITY]) short.observe(value);
  expect([0, 0.5, 1].map((share) => short.quantile(share))).toEqual([1, 2, 3]);
  expect(short.state().skippedCount).toBe(2);
  const whole = createQuantileSketch(createSeededRandom(2), 16);
  let parts = createQuantileSketch(createSeededRandom(2), 16);
  for (let index = 0; index < 5000; index++) {
    const value = (index * 7919) % 1009;
    if (index % 700 === 0) {
      parts = createQuantileSketch(createSeededRandom(3), 16, structuredClone(parts.state()));
    }
    whole.observe(value);
    parts.observe(value);
  }
  expect(parts.state()).toEqual(whole.state());
});

it("[LC87] an empty sketch has no quantiles; states that do not hold together are refused", () => {
  const sketch = createQuantileSketch(createSeededRandom(1));
  expect(sketch.quantile(0.5)).toBeNaN();
  expect(sketch.rank(1)).toBeNaN();
  for (let index = 0; index < 1000; index++) sketch.observe(index);
  const state = sketch.state();
  expect(checkQuantileSketch(state).ok).toBe(true);
  for (const bad of [
    { ...state, version: 2 },
    { ...state, count: state.count + 1 },
    { ...state, least: 500 },
    { ...state, size: 1e6 },
    { ...state, levels: [new Float64Array(1e5)] },
    { ...state, levels: [Float64Array.of(Number.NaN)], count: 1 },
    { ...state, drawCount: -1 },
    { ...createQuantileSketch(createSeededRandom(1)).state(), least: Number.NaN },
    { ...state, least: Number.NEGATIVE_INFINITY },
    {},
  ]) {
    expect(checkQuantileSketch(bad)).toMatchObject({ ok: false });
    expect(() => createQuantileSketch(createSeededRandom(1), 200, bad as typeof state)).toThrow(
      Defect,
    );
  }
  expect(checkQuantileSketch(null)).toMatchObject({ ok: false });
  expect(() => createQuantileSketch(createSeededRandom(1), 4)).toThrow(Defect);
  expect(() => sketch.merge(createQuantileSketch(createSeededRandom(1), 16).state())).toThrow(
    Defect,
  );
});
