// Against distances computed from the definition: literal numbers here, those of scipy where the data is.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { unwrap } from "@attune/protocol";
import { expect, it } from "vitest";
import { fitMahalanobis } from "./fitMahalanobis.ts";
import { createMahalanobisScorer } from "./mahalanobis.ts";

const vectorsPath = join(process.env["ATTUNE_DATA"] ?? "./data", "drift-vectors", "vectors.json");

interface OodVectors {
  readonly statistics: {
    readonly ood: {
      readonly fit: readonly (readonly number[])[];
      readonly query: readonly (readonly number[])[];
      readonly mahalanobisPopulationCov: readonly number[];
    };
  };
}

it("[LC30] the distance to one class is that of its population covariance", () => {
  // Variances 2/3 and 2/3, covariance 1/3: the inverse is [[2, -1], [-1, 2]].
  const features = [1, 0, -1, 0, 0, 1, 0, -1, 1, 1, -1, -1];
  const profile = unwrap(
    fitMahalanobis(features, [0, 0, 0, 0, 0, 0], { dimension: 2, classCount: 1, shrinkage: 1e-9 }),
  );
  const scorer = createMahalanobisScorer(profile);
  expect(scorer.score([1, 0])).toBeCloseTo(Math.sqrt(2), 8);
  expect(scorer.score([1, 1])).toBeCloseTo(Math.sqrt(2), 8);
  expect(scorer.score([1, -1])).toBeCloseTo(Math.sqrt(6), 8);
  expect(scorer.score([3, -4])).toBeCloseTo(Math.sqrt(74), 8);
});

it("[LC30] the distances of six queries equal those of numpy and scipy", (context) => {
  if (!existsSync(vectorsPath)) {
    context.skip("needs the drift vectors: set ATTUNE_DATA to the folder that has drift-vectors/");
  }
  const { ood } = (JSON.parse(readFileSync(vectorsPath, "utf8")) as OodVectors).statistics;
  const profile = unwrap(
    fitMahalanobis(
      ood.fit.flat(),
      ood.fit.map(() => 0),
      { dimension: 4, classCount: 1, shrinkage: 1e-9 },
    ),
  );
  const scorer = createMahalanobisScorer(profile);
  expect(ood.query.length).toBeGreaterThan(0);
  ood.query.forEach((query, index) => {
    const expected = ood.mahalanobisPopulationCov[index] as number;
    // The least shrinkage that is allowed moves the result by about 1e-9.
    expect(Math.abs(scorer.score(query) / expected - 1)).toBeLessThan(1e-8);
  });
});
