import { Defect, unwrap } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { gaussian, type Random } from "../../ports/random.ts";
import { fitMahalanobis } from "./fitMahalanobis.ts";
import { checkGaussianProfile, type GaussianProfile } from "./gaussianProfile.ts";
import { createMahalanobisScorer } from "./mahalanobis.ts";

interface Cloud {
  readonly features: Float32Array;
  readonly labels: Uint8Array;
}

/** Samples around `classCount` centres, with features that go together. */
function drawCloud(random: Random, dimension: number, classCount: number, perClass: number): Cloud {
  const features = new Float32Array(classCount * perClass * dimension);
  const labels = new Uint8Array(classCount * perClass);
  const centres = Array.from({ length: classCount * dimension }, () => 5 * gaussian(random));
  for (let sample = 0; sample < labels.length; sample++) {
    const label = sample % classCount;
    labels[sample] = label;
    const common = gaussian(random);
    for (let i = 0; i < dimension; i++) {
      features[sample * dimension + i] =
        (centres[label * dimension + i] as number) + common + 0.5 * gaussian(random);
    }
  }
  return { features, labels };
}

function fitCloud(cloud: Cloud, dimension: number, classCount: number): GaussianProfile {
  return unwrap(fitMahalanobis(cloud.features, cloud.labels, { dimension, classCount }));
}

it("[LC31] a class mean scores 0, and the score is the least distance to any class", () => {
  const cloud = drawCloud(createSeededRandom(1), 5, 3, 200);
  const profile = fitCloud(cloud, 5, 3);
  const scorer = createMahalanobisScorer(profile);
  for (let label = 0; label < 3; label++) {
    expect(scorer.score(profile.means, label * 5)).toBeCloseTo(0, 10);
  }
  const single = [0, 1, 2].map((label) =>
    createMahalanobisScorer({
      ...profile,
      sampleCounts: Uint32Array.from([0, 1, 2], (other) => (other === label ? 1 : 0)),
    }),
  );
  for (let sample = 0; sample < 50; sample++) {
    const distances = single.map((scorerOfOne) => scorerOfOne.score(cloud.features, sample * 5));
    expect(scorer.score(cloud.features, sample * 5)).toBeCloseTo(Math.min(...distances), 9);
  }
});

it("[LC31] neither the units nor the origin of a feature change a score", () => {
  const random = createSeededRandom(2);
  const cloud = drawCloud(random, 4, 2, 60);
  const scorer = createMahalanobisScorer(fitCloud(cloud, 4, 2));
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          scale: fc.double({ min: 1e-4, max: 1e4, noNaN: true }),
          origin: fc.double({ min: -100, max: 100, noNaN: true }),
        }),
        { minLength: 4, maxLength: 4 },
      ),
      (changes) => {
        const moved = Float64Array.from(cloud.features, (value, index) => {
          const { scale, origin } = changes[index % 4] as { scale: number; origin: number };
          return (value + origin) * scale;
        });
        const movedScorer = createMahalanobisScorer(
          unwrap(fitMahalanobis(moved, cloud.labels, { dimension: 4, classCount: 2 })),
        );
        for (let sample = 0; sample < 10; sample++) {
          const expected = scorer.score(cloud.features, sample * 4);
          expect(Math.abs(movedScorer.score(moved, sample * 4) - expected)).toBeLessThan(
            1e-6 * (1 + expected),
          );
        }
      },
    ),
    { numRuns: 30 },
  );
});

it("[LC31] squared scores of Gaussian samples average the number of features", () => {
  const cloud = drawCloud(createSeededRandom(3), 6, 2, 4000);
  const profile = fitCloud(cloud, 6, 2);
  const one = createMahalanobisScorer({ ...profile, sampleCounts: Uint32Array.of(1, 0) });
  let sum = 0;
  for (let sample = 0; sample < cloud.labels.length; sample += 2) {
    sum += one.score(cloud.features, sample * 6) ** 2 / 4000;
  }
  // Variance of one chi-square with 6 degrees of freedom is 12: five deviations of the mean are 0.27.
  expect(Math.abs(sum - 6)).toBeLessThan(0.27);
});

it("[LC32] a unit that was always dead does not drown the score when it wakes", () => {
  const random = createSeededRandom(4);
  const cloud = drawCloud(random, 3, 1, 300);
  for (let sample = 0; sample < 300; sample++) cloud.features[sample * 3 + 2] = 0;
  const scorer = createMahalanobisScorer(fitCloud(cloud, 3, 1));
  const features = Float64Array.from(cloud.features.subarray(0, 3));
  const asleep = scorer.score(features);
  features[2] = 1;
  expect(scorer.score(features)).toBeGreaterThan(asleep);
  expect(scorer.score(features)).toBeLessThan(asleep + 2);
});

it("[LC32] few samples in many features still give a factor, by shrinking", () => {
  for (const perClass of [1, 2, 5]) {
    const cloud = drawCloud(createSeededRandom(5), 40, 2, perClass);
    const profile = fitCloud(cloud, 40, 2);
    expect(profile.shrinkage).toBeGreaterThan(0.01);
    expect(createMahalanobisScorer(profile).score(cloud.features)).toBeLessThan(100);
  }
  const many = drawCloud(createSeededRandom(6), 8, 2, 5000);
  expect(fitCloud(many, 8, 2).shrinkage).toBeLessThan(0.01);
});

it("[LC32] two features that copy each other can be fitted without help", () => {
  const cloud = drawCloud(createSeededRandom(7), 2, 1, 50);
  for (let sample = 0; sample < 50; sample++) {
    cloud.features[sample * 2 + 1] = cloud.features[sample * 2] as number;
  }
  for (const shrinkage of [undefined, 1e-9]) {
    const fit = { dimension: 2, classCount: 1, ...(shrinkage === undefined ? {} : { shrinkage }) };
    const profile = unwrap(fitMahalanobis(cloud.features, cloud.labels, fit));
    expect(createMahalanobisScorer(profile).score([0, 1])).toBeGreaterThan(1);
  }
});

it("[LC33] samples that cannot be fitted are refused with the sample and the way out", () => {
  const fit = { dimension: 2, classCount: 2 };
  const codeOf = (features: number[], labels: number[], settings: object = {}): string | null => {
    const outcome = fitMahalanobis(features, labels, { ...fit, ...settings });
    return outcome.ok ? null : outcome.refusal.code;
  };
  expect(codeOf([1, 2, 3, 4], [0, 1])).toBeNull();
  expect(codeOf([1, 2, 3, Number.NaN], [0, 1])).toBe("input.not_finite");
  expect(codeOf([1, 2, 3], [0, 1])).toBe("input.shape_mismatch");
  expect(codeOf([1, 2], [0])).toBe("input.shape_mismatch");
  expect(codeOf([1, 2, 3, 4], [0, 2])).toBe("input.shape_mismatch");
  expect(codeOf([1, 2, 3, 4], [0, 0.5])).toBe("input.shape_mismatch");
  expect(codeOf([1, 2, 3, 4], [0, 1], { shrinkage: 0 })).toBe("input.shape_mismatch");
  expect(codeOf([], [], { dimension: 2000 })).toBe("input.shape_mismatch");
  expect(codeOf([1e200, 1, -1e200, 1], [0, 0])).toBe("input.not_finite");
});

it("[LC33] a profile from outside is checked before it is used", () => {
  const profile = fitCloud(drawCloud(createSeededRandom(8), 3, 2, 20), 3, 2);
  const codeOf = (change: Partial<GaussianProfile>): string | null => {
    const outcome = checkGaussianProfile({ ...profile, ...change });
    return outcome.ok ? null : outcome.refusal.code;
  };
  expect(codeOf({})).toBeNull();
  expect(codeOf({ dimension: 4 })).toBe("input.shape_mismatch");
  expect(codeOf({ dimension: 1e6 })).toBe("input.shape_mismatch");
  expect(codeOf({ classCount: 3 })).toBe("input.shape_mismatch");
  expect(codeOf({ sampleCounts: new Uint32Array(2) })).toBe("input.shape_mismatch");
  expect(codeOf({ means: profile.means.map(() => Number.NaN) })).toBe("input.not_finite");
  expect(codeOf({ factor: profile.factor.map(() => 0) })).toBe("input.not_finite");
});

it("[LC33] a feature that is not a number comes out as no number, and a short vector is a defect", () => {
  const scorer = createMahalanobisScorer(
    fitCloud(drawCloud(createSeededRandom(9), 3, 2, 20), 3, 2),
  );
  expect(scorer.score([0, Number.NaN, 0])).toBeNaN();
  expect(() => scorer.score([0, 0])).toThrow(Defect);
  expect(() => scorer.score([0, 0, 0, 0], 2)).toThrow(Defect);
});

it("[LC31] a feature that is constant but for rounding never varies: it counts like the average other one", () => {
  const labels = Array.from({ length: 200 }, (_, at) => at % 2);
  for (const [constant, jitter] of [
    [0.1, 0],
    [9.81, 0],
    [0, 0],
    [0.1, 2 ** -27],
    [1e6, 2 ** -4],
  ] as const) {
    const features = labels.flatMap((label, at) => [
      4 * label + Math.sin(at),
      Math.cos(3 * at),
      constant + jitter * (at % 3),
    ]);
    const fit = { dimension: 3, classCount: 2 };
    const scorer = createMahalanobisScorer(unwrap(fitMahalanobis(features, labels, fit)));
    const still = scorer.score([0, 0, constant]);
    expect(still).toBeLessThan(1);
    // The others deviate by 0.7 or so.
    expect(scorer.score([0, 0, constant + 7])).toBeGreaterThan(still + 5);
    expect(scorer.score([0, 0, constant + 7])).toBeLessThan(still + 15);
  }
});
