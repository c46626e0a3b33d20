// Against the closed forms of the drift vectors (scipy 1.17, relative 1e-9), and against numbers worked out by hand.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { unwrap } from "@attune/protocol";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { createOodScorer, fitOodProfile, type OodMethod, type OodProfile } from "./oodProfile.ts";
import type { OodSamples } from "./oodSamples.ts";
import { symmetricEigen } from "./symmetricEigen.ts";

const vectorsPath = join(process.env["ATTUNE_DATA"] ?? "./data", "drift-vectors", "vectors.json");

interface Vectors {
  readonly statistics: {
    readonly ood: {
      readonly fit: readonly (readonly number[])[];
      readonly query: readonly (readonly number[])[];
      readonly mahalanobisPopulationCov: readonly number[];
      readonly logits: readonly (readonly number[])[];
      readonly energyT1: readonly number[];
      readonly energyT2: readonly number[];
      readonly msp: readonly number[];
      readonly maxLogit: readonly number[];
    };
  };
}

const random = createSeededRandom("reference");

function samplesOf(rows: readonly (readonly number[])[], labels?: readonly number[]): OodSamples {
  return {
    dimension: rows[0]?.length ?? 0,
    classCount: 1,
    features: rows.flat(),
    logits: rows.map(() => 1),
    labels: labels ?? rows.map(() => 0),
  };
}

it("[LC35] scores of class scores and distances equal the closed forms of scipy", (context) => {
  if (!existsSync(vectorsPath)) {
    context.skip("needs the drift vectors: set ATTUNE_DATA to the folder that has drift-vectors/");
  }
  const { ood } = (JSON.parse(readFileSync(vectorsPath, "utf8")) as Vectors).statistics;
  const classCount = 5;
  const expected: readonly [OodProfile, (at: number) => number][] = [
    [{ kind: "energy", classCount, temperature: 1 }, (at) => ood.energyT1[at] as number],
    [{ kind: "energy", classCount, temperature: 2 }, (at) => ood.energyT2[at] as number],
    [{ kind: "maximumSoftmax", classCount }, (at) => 1 - (ood.msp[at] as number)],
    [{ kind: "maxLogit", classCount }, (at) => -(ood.maxLogit[at] as number)],
  ];
  for (const [profile, valueOf] of expected) {
    const scorer = createOodScorer(profile);
    ood.logits.forEach((logits, at) => {
      const value = valueOf(at);
      expect(Math.abs(scorer.score([], 0, logits) - value)).toBeLessThan(1e-9 * Math.abs(value));
    });
  }
  const method: OodMethod = { kind: "mahalanobis", shrinkage: 1e-9 };
  const scorer = createOodScorer(unwrap(fitOodProfile(samplesOf(ood.fit), method, random)));
  ood.query.forEach((query, at) => {
    const value = ood.mahalanobisPopulationCov[at] as number;
    // The least shrinkage that is allowed moves the result by about 1e-9.
    expect(Math.abs(scorer.score(query) / value - 1)).toBeLessThan(1e-8);
  });
});

it("[LC35] relative Mahalanobis is the squared distance to the class less that to everything", () => {
  // Two classes at -3 and 3, variance 1 each; all together variance 10 around 0.
  const rows = [[-4], [-2], [2], [4]];
  const samples = { ...samplesOf(rows, [0, 0, 1, 1]), classCount: 2, logits: new Float32Array(8) };
  const profile = unwrap(fitOodProfile(samples, { kind: "relativeMahalanobis" }, random));
  const scorer = createOodScorer(profile);
  expect(scorer.score([0])).toBeCloseTo(9, 9);
  expect(scorer.score([3])).toBeCloseTo(-0.9, 9);
  expect(scorer.score([10])).toBeCloseTo(39, 9);
});

it("[LC35] nearest neighbours by direction alone are the distance of the paper on whitened features", () => {
  // Variance 1 in both features within the class, no correlation: whitening changes nothing.
  const rows = [
    [1, 1],
    [1, -1],
    [-1, 1],
    [-1, -1],
  ];
  const profile = unwrap(
    fitOodProfile(samplesOf(rows), { kind: "knn", neighbours: 2, lengthWeight: 0 }, random),
  );
  const scorer = createOodScorer(profile);
  // (5, 0) lies at 45 degrees from the two nearest ones, however far out.
  expect(scorer.score([5, 0])).toBeCloseTo(Math.sqrt(2 - Math.SQRT2), 6);
  expect(scorer.score([0.01, 0])).toBeCloseTo(Math.sqrt(2 - Math.SQRT2), 6);
  const withLength = unwrap(
    fitOodProfile(samplesOf(rows), { kind: "knn", neighbours: 2, lengthWeight: 0.25 }, random),
  );
  const apart = Math.log(5 / Math.SQRT2);
  expect(createOodScorer(withLength).score([5, 0])).toBeCloseTo(
    Math.sqrt(2 - Math.SQRT2 + 0.25 * apart * apart),
    6,
  );
});

it("[LC35] ViM is the residual's length at the exchange rate of the samples, less the log-sum-exp", () => {
  // Varies along (1, 1) by 2 and along (1, -1) by 1; units of deviation leave the directions.
  const rows = [
    [2, 2],
    [-2, -2],
    [1, -1],
    [-1, 1],
  ];
  const samples = { ...samplesOf(rows), logits: [3, 3, 3, 3] };
  const profile = unwrap(fitOodProfile(samples, { kind: "vim", principalCount: 1 }, random));
  const deviation = Math.sqrt(2.5);
  const meanResidual = (2 * Math.SQRT2) / deviation / 4;
  const score = createOodScorer(profile).score([4, 2], 0, [0.5]);
  expect(score).toBeCloseTo(((3 / meanResidual) * Math.SQRT2) / deviation - 0.5, 9);
});

it("[LC35] an isolation forest scores by the mean path, allowing for what was not grown", () => {
  // One tree by hand: below 1 a leaf after one cut, else two samples that were not told apart.
  const profile: OodProfile = {
    kind: "isolationForest",
    dimension: 1,
    subsample: 3,
    roots: Uint32Array.of(0),
    cutFeatures: Int16Array.of(0, -1, -1),
    cutValues: Float64Array.of(1, 1, 2),
    rights: Uint32Array.of(2, 0, 0),
  };
  const scorer = createOodScorer(profile);
  // Equation 1 of the paper at 3 samples.
  const unit = 2 * (Math.log(2) + 0.5772156649015329) - 4 / 3;
  expect(scorer.score([0])).toBeCloseTo(2 ** (-1 / unit), 12);
  expect(scorer.score([5])).toBeCloseTo(2 ** (-2 / unit), 12);
});

it("[LC35] eigenvectors of a symmetric matrix are those of the definition", () => {
  const { values, vectors } = symmetricEigen([2, 1, 0, 1, 2, 0, 0, 0, 5], 3);
  expect([...values].map((value) => Math.round(value * 1e9) / 1e9)).toEqual([5, 3, 1]);
  expect(Math.abs(vectors[2] as number)).toBeCloseTo(1, 12);
  expect(Math.abs((vectors[3] as number) + (vectors[4] as number))).toBeCloseTo(Math.SQRT2, 12);
});
