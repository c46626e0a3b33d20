// Against SciPy 1.17.1: literal numbers here, every case of the drift vectors where the data is.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Defect } from "@attune/protocol";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { gaussian } from "../../ports/random.ts";
import { binOf, quantileEdges } from "../profile/binEdges.ts";
import { chiSquareQuantile, chiSquareTail, chiSquareTest } from "./chiSquare.ts";
import { hellinger, jensenShannon, klDivergence, totalVariation } from "./countDistance.ts";
import { kolmogorovTail, ksDistance, ksTest } from "./kolmogorovSmirnov.ts";
import { populationStability } from "./populationStability.ts";
import { histogramWasserstein, linearMmd, wasserstein } from "./sampleDistance.ts";

const vectorsPath = join(process.env["ATTUNE_DATA"] ?? "./data", "drift-vectors", "vectors.json");

type Numbers = Readonly<Record<string, number>>;

interface Vectors {
  readonly statistics: {
    readonly continuous: readonly ({ readonly a: number[]; readonly b: number[] } & Numbers)[];
    readonly categorical: readonly ({ readonly x: number[]; readonly y: number[] } & Numbers)[];
  };
  readonly published: {
    readonly ksTwoSample: readonly ({ readonly x: number[]; readonly y: number[] } & Numbers)[];
    readonly evidently: readonly {
      readonly referenceCounts: number[];
      readonly currentCounts: number[];
      readonly hellinger: number;
    }[];
  };
}

function histogramOf(sample: readonly number[], edges: readonly number[]): number[] {
  const counts = Array.from({ length: edges.length + 1 }, () => 0);
  for (const value of sample) {
    const bin = binOf(edges, value);
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts;
}

/** Equal to a relative `tolerance`, or absolutely to it where numbers are below 1e-3. */
function expectClose(actual: number, expected: number | undefined, tolerance: number): void {
  expect(expected).toBeTypeOf("number");
  const allowed = tolerance * Math.max(1e-3, Math.abs(expected as number));
  expect(Math.abs(actual - (expected as number))).toBeLessThanOrEqual(allowed);
}

it("[LC88] distances and p-values of the drift vectors are SciPy's", (context) => {
  if (!existsSync(vectorsPath)) {
    context.skip("needs the drift vectors: set ATTUNE_DATA to the folder that has drift-vectors/");
  }
  const { statistics, published } = JSON.parse(readFileSync(vectorsPath, "utf8")) as Vectors;
  expect(statistics.continuous.length + statistics.categorical.length).toBeGreaterThanOrEqual(8);
  for (const { a, b, ...expected } of statistics.continuous) {
    const { statistic, pValue, method } = ksTest(a, b);
    expect(method).toBe("exact");
    expectClose(statistic, expected["ksStatistic"], 1e-9);
    expectClose(pValue, expected["ksPExact"], 1e-7);
    const pairs = Math.round((a.length * b.length) / (a.length + b.length));
    expectClose(kolmogorovTail(statistic, pairs), expected["ksPAsymptotic"], 1e-7);
    expectClose(wasserstein(a, b), expected["wasserstein1"], 1e-9);
    const edges = quantileEdges(a, 10);
    const inner = expected["psiBinEdgesInner"] as unknown as readonly number[];
    expect(edges).toHaveLength(inner.length);
    edges.forEach((edge, at) => {
      expectClose(edge, inner[at], 1e-9);
    });
    const { index } = populationStability(histogramOf(a, edges), histogramOf(b, edges), {
      share: 1e-6,
    });
    expectClose(index, expected["psi10QuantileBins"], 1e-9);
  }
  for (const { x, y, ...expected } of statistics.categorical) {
    const { statistic, freedom, pValue } = chiSquareTest(x, y);
    expectClose(statistic, expected["chi2"], 1e-9);
    expect(freedom).toBe(expected["dof"]);
    expectClose(pValue, expected["chi2P"], 1e-7);
    expectClose(klDivergence(x, y, { leastShare: 1e-6 }), expected["klPQeps1e6"], 1e-9);
    expectClose(jensenShannon(x, y), expected["jsDivergenceNats"], 1e-9);
    const root = Math.sqrt(jensenShannon(x, y) / Math.LN2);
    expectClose(root, expected["jsDistanceBase2"], 1e-9);
    expectClose(hellinger(x, y), expected["hellinger"], 1e-9);
    expectClose(totalVariation(x, y), expected["totalVariation"], 1e-9);
  }
  for (const { x, y, ...expected } of published.ksTwoSample) {
    const { statistic, pValue } = ksTest(x, y);
    expectClose(statistic, expected["statistic"], 1e-9);
    expectClose(pValue, expected["pExact"], 1e-7);
  }
  for (const { referenceCounts, currentCounts, hellinger: expected } of published.evidently) {
    expect(hellinger(referenceCounts, currentCounts)).toBeCloseTo(expected, 4);
  }
});

it("[LC88] p-values of chi-square and Kolmogorov are right from the middle far into the tail", () => {
  // scipy.stats.chi2.sf and kstwo.sf.
  const chi: readonly (readonly [number, number, number])[] = [
    [0.1, 1, 0.7518296340458492],
    [3, 2, 0.22313016014842982],
    [18.307038053275146, 10, 0.05],
    [100, 3, 1.5541594313896026e-21],
    [30, 63, 0.9998660185852384],
  ];
  for (const [value, freedom, tail] of chi) expectClose(chiSquareTail(value, freedom), tail, 1e-7);
  expect(chiSquareQuantile(0.05, 9)).toBeCloseTo(16.918977604620448, 9);
  expectClose(kolmogorovTail(0.1, 600), 1.1239700624504987e-5, 1e-7);
  expectClose(kolmogorovTail(0.01, 100_000), 4.093278023549254e-9, 1e-7);
  expect(kolmogorovTail(0.02, 2000)).toBeCloseTo(0.3953133626891945, 5);
  expect(kolmogorovTail(0, 10)).toBe(1);
  expect(kolmogorovTail(1, 10)).toBe(0);
});

it("[LC88] large samples are compared by the asymptotic distribution", () => {
  const a = Float64Array.from({ length: 2000 }, (_, index) => index / 2000);
  const same = ksTest(a, a);
  expect(same).toEqual({ statistic: 0, pValue: 1, method: "asymptotic" });
  expect(
    ksTest(
      a,
      a.map((value) => value + 0.5),
    ).pValue,
  ).toBeLessThan(1e-100);
});

it("[LC89] without drift a PSI passes its null line one time in twenty at any size, and .1 nearly always at a device's", () => {
  const random = createSeededRandom("psi");
  const draw = (count: number, binCount: number): number[] => {
    const counts = Array.from({ length: binCount }, () => 0);
    for (let index = 0; index < count; index++) {
      const bin = Math.floor((random.nextUint32() / 2 ** 32) * binCount);
      counts[bin] = (counts[bin] as number) + 1;
    }
    return counts;
  };
  for (const [countA, countB, binCount] of [
    [20, 2000, 10],
    [50, 2000, 10],
    [50, 50, 10],
    [100, 4000, 20],
    [300, 2000, 10],
  ] as const) {
    let aboveLine = 0;
    let indexSum = 0;
    let meanSum = 0;
    for (let trial = 0; trial < 500; trial++) {
      const a = draw(countA, binCount);
      const stability = populationStability(a, draw(countB, binCount));
      if (stability.index > stability.nullLine) aboveLine++;
      expect(stability.pValue < 0.05).toBe(stability.index > stability.nullLine);
      indexSum += stability.index;
      meanSum += stability.nullMean;
    }
    expect(aboveLine / 500, `${countA} against ${countB} in ${binCount} bins`).toBeLessThan(0.09);
    expect(aboveLine / 500).toBeGreaterThan(0.015);
    expect(meanSum / indexSum).toBeGreaterThan(0.9);
    expect(meanSum / indexSum).toBeLessThan(1.1);
  }
  let aboveThumb = 0;
  for (let trial = 0; trial < 500; trial++) {
    if (populationStability(draw(50, 10), draw(2000, 10)).index > 0.1) aboveThumb++;
  }
  expect(aboveThumb / 500).toBeGreaterThan(0.7);
});

it("[LC89] a PSI says what it rests on, and its severity holds the truth", () => {
  const stability = populationStability([600, 400, 0], [400, 500, 100]);
  expect(stability).toMatchObject({
    binCount: 3,
    countA: 1000,
    countB: 1000,
    emptyBin: "halfValue",
  });
  expect(stability.pValue).toBeLessThan(1e-10);
  expect(stability.severity.low).toBeGreaterThan(0.1);
  expect(stability.severity.high).toBeGreaterThan(stability.severity.size);
  const calm = populationStability([500, 500], [500, 500]);
  expect(calm.severity).toMatchObject({ size: 0, low: 0 });
});

it("[LC88] a histogram's Wasserstein distance is near that of the samples", () => {
  const random = createSeededRandom("histogram");
  const a = Array.from({ length: 4000 }, () => gaussian(random));
  const b = a.map((value) => value + 0.3);
  const edges = Array.from({ length: 61 }, (_, index) => -3 + index / 10);
  expect(wasserstein(a, b)).toBeCloseTo(0.3, 9);
  expect(histogramWasserstein(edges, histogramOf(a, edges), histogramOf(b, edges))).toBeCloseTo(
    0.3,
    1,
  );
});

it("[LC88] linear-time MMD is the closed form of two shifted Gaussians, and holds its level", () => {
  const random = createSeededRandom("mmd");
  const draw = (count: number, shift: number): number[] =>
    Array.from({ length: count }, () => gaussian(random) + shift);
  // For N(0,1) and N(s,1) with σ = 1: 2/√3 (1 - exp(-s²/6)).
  const closed = (2 / Math.sqrt(3)) * (1 - Math.exp(-1 / 6));
  const apart = linearMmd(draw(20_000, 0), draw(20_000, 1), 1, 1);
  expect(Math.abs(apart.squared - closed)).toBeLessThan(4 * apart.error);
  expect(apart.pValue).toBeLessThan(1e-6);
  let hits = 0;
  for (let trial = 0; trial < 400; trial++) {
    if (linearMmd(draw(40, 0), draw(40, 0), 1, 1).pValue < 0.05) hits++;
  }
  expect(hits / 400).toBeLessThan(0.1);
  expect(hits / 400).toBeGreaterThan(0.01);
});

it("[LC88] distances of nothing, of NaN and of other bins are defects", () => {
  const many = (value: number): number[] => Array.from({ length: 40 }, () => value);
  for (const bad of [
    () => ksTest([], [1]),
    () => ksTest([Number.NaN], [1]),
    () => wasserstein([1], [Number.POSITIVE_INFINITY]),
    () => chiSquareTest([0, 0], [1, 1]),
    () => hellinger([1, 2], [1]),
    () => klDivergence([-1, 2], [1, 1]),
    () => populationStability([1], [1]),
    () => histogramWasserstein([0], [1, 1], [0, 0]),
    () => linearMmd([1, 2], [1, 2], 1, 1),
    () => linearMmd(many(0), many(0).with(3, Number.NaN), 1, 1),
    () => linearMmd(many(0), many(0).with(3, Number.POSITIVE_INFINITY), 1, 1),
    () => linearMmd(many(0), many(0), 0, 1),
    () => histogramWasserstein([0], [2, -1], [0, 1]),
    () => chiSquareQuantile(-1, 1),
    () => chiSquareQuantile(0.05, 0),
    () => populationStability([1, 2], [1, 2], { share: 0 }),
  ]) {
    expect(bad).toThrow(Defect);
  }
  expect(klDivergence([1, 1], [1, 0])).toBe(Number.POSITIVE_INFINITY);
  expect(ksDistance([1], [Number.NaN])).toBeLessThanOrEqual(1);
  expect(wasserstein([-1.7e308, 1.7e308], [-1.7e308, 1.7e308])).toBe(0);
  expect(linearMmd(many(0), many(1), 1, 1).pValue).toBe(2 ** -20);
});
