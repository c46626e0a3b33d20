// Samples that cannot be fitted, profiles that somebody made up, features that are no numbers: refused with a code, or no number.
import { decodeCbor, encodeCbor, unwrap } from "@attune/protocol";
import { describe, expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { gaussian } from "../../ports/random.ts";
import { checkOodProfile } from "./checkOodProfile.ts";
import { isAboveThreshold } from "./conformalThreshold.ts";
import {
  createOodScorer,
  fitOodProfile,
  type OodMethod,
  type OodProfile,
  oodMethods,
} from "./oodProfile.ts";
import type { OodSamples } from "./oodSamples.ts";

const random = createSeededRandom("hostile");
const dimension = 4;
const classCount = 3;

function drawSamples(
  count: number,
  change: (features: Float32Array) => void = () => {},
): OodSamples {
  const labels = Int32Array.from({ length: count }, (_, at) => at % classCount);
  const features = Float32Array.from(
    { length: count * dimension },
    (_, at) => gaussian(random) + 4 * ((labels[Math.floor(at / dimension)] as number) - 1),
  );
  change(features);
  const logits = Float32Array.from({ length: count * classCount }, (_, at) =>
    at % classCount === labels[Math.floor(at / classCount)] ? 5 : 0,
  );
  return { dimension, classCount, features, logits, labels };
}

const sound = drawSamples(90);
const profiles = oodMethods.map((method) => unwrap(fitOodProfile(sound, method, random)));

describe.each(oodMethods)("$kind", (method) => {
  const profile = profiles.find(({ kind }) => kind === method.kind) as OodProfile;

  it("[LC36] is the same for the same samples and seed, and goes through CBOR and its check unchanged", () => {
    expect(unwrap(fitOodProfile(sound, method, createSeededRandom("hostile")))).toEqual(profile);
    const carried = unwrap(decodeCbor(encodeCbor(profile))) as OodProfile;
    expect(unwrap(checkOodProfile(carried))).toEqual(profile);
    const logits = [5, 0, 0];
    expect(createOodScorer(carried).score([1, 2, 3, 4], 0, logits)).toBe(
      createOodScorer(profile).score([1, 2, 3, 4], 0, logits),
    );
  });

  it("[LC36] refuses NaN, infinity, short rows and labels that are not there", () => {
    const codeOf = (changes: Partial<OodSamples>): string | null => {
      const outcome = fitOodProfile({ ...sound, ...changes }, method, random);
      return outcome.ok ? null : outcome.refusal.code;
    };
    const spoilt = Float32Array.from(sound.features);
    spoilt[7] = Number.NaN;
    expect(codeOf({ features: spoilt })).toBe("input.not_finite");
    const endless = Float32Array.from(sound.logits);
    endless[0] = Number.POSITIVE_INFINITY;
    expect(codeOf({ logits: endless })).toBe("input.not_finite");
    expect(codeOf({ features: [1, 2, 3] })).toBe("input.shape_mismatch");
    expect(codeOf({ labels: [0], features: [1, 2, 3, 4], logits: [1, 2, 3] })).toBe(
      "input.shape_mismatch",
    );
    expect(codeOf({ labels: Int32Array.from(sound.labels, () => 3) })).toBe("input.shape_mismatch");
    expect(codeOf({ dimension: 5000 })).toBe("input.shape_mismatch");
  });

  it("[LC36] is usable after constant features, copies, denormals and empty classes", () => {
    const changes: readonly ((features: Float32Array) => void)[] = [
      (features) => features.fill(3),
      (features) => features.fill(0),
      (features) => features.forEach((_, at) => at % dimension === 0 && (features[at] = 1)),
      (features) =>
        features.forEach((_, at) => {
          if (at % dimension === 1) features[at] = features[at - 1] as number;
        }),
      (features) => features.forEach((value, at) => (features[at] = value * 1e-42)),
    ];
    for (const change of changes) {
      const samples = drawSamples(60, change);
      const scorer = createOodScorer(unwrap(fitOodProfile(samples, method, random)));
      expect(Number.isFinite(scorer.score([1, -2, 3, 0.5], 0, [1, 2, 3]))).toBe(true);
    }
    const oneClass = { ...drawSamples(20), labels: new Int32Array(20).fill(1) };
    const scorer = createOodScorer(unwrap(fitOodProfile(oneClass, method, random)));
    expect(Number.isFinite(scorer.score([1, -2, 3, 0.5], 0, [1, 2, 3]))).toBe(true);
    const two = createOodScorer(unwrap(fitOodProfile(drawSamples(2), method, random)));
    expect(Number.isFinite(two.score([9, 9, 9, 9], 0, [1, 2, 3]))).toBe(true);
  });

  it("[LC36] keeps a feature that is constant but for rounding from drowning the others", () => {
    const constant = Math.fround(0.1);
    const samples = drawSamples(201, (features) =>
      features.forEach((_, at) => at % dimension === 3 && (features[at] = constant)),
    );
    // In doubles the mean of equal numbers is a last digit off.
    for (const features of [
      samples.features,
      Float64Array.from(samples.features, (v, at) => (at % dimension === 3 ? 0.1 : v)),
    ]) {
      const profileOf = unwrap(fitOodProfile({ ...samples, features }, method, random));
      const scorer = createOodScorer(profileOf);
      const still = scorer.score([0, 0, 0, 0.1], 0, [1, 2, 3]);
      const woken = scorer.score([0, 0, 0, 0.4], 0, [1, 2, 3]);
      expect(Math.abs(woken - still)).toBeLessThan(20);
    }
  });

  it("[LC99] gives no number for NaN, never one that looks known for what is infinite or too large, and a defect for too few", () => {
    const scorer = createOodScorer(profile);
    const strange = [0, Number.NaN, 0, 0];
    const noLogits = [0, Number.NaN, 0];
    expect(scorer.score(strange, 0, noLogits)).toBeNaN();
    const far = scorer.score([1e150, -1e150, 1e150, 1e150], 0, [1, 2, 3]);
    expect(Number.isNaN(far)).toBe(false);
    const beyond = [1e154, 1.7e308, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    const cut = method.kind === "isolationForest";
    for (const size of scorer.dimension > 0 && !cut ? beyond : []) {
      for (const features of [
        [size, size, size, size],
        [0, size, 0, 0],
      ]) {
        const score = scorer.score(features, 0, [1, 2, 3]);
        // An angle is bounded, and so is a logarithm.
        expect(score).toBeGreaterThan(2);
        expect(isAboveThreshold(score, 2)).toBe(true);
      }
    }
    for (const endless of scorer.classCount > 0 ? beyond.slice(2) : []) {
      const logits = [endless, endless, endless];
      expect(scorer.score([0, 0, 0, 0], 0, logits)).toBe(Number.POSITIVE_INFINITY);
    }
    const needed = scorer.dimension > 0 ? "ood.features_too_short" : "ood.logits_too_few";
    expect(() => scorer.score([], 0, [])).toThrow(expect.objectContaining({ code: needed }));
    expect(() => scorer.score([1, 2, 3, 4], 1, [1, 2, 3], 1)).toThrow(
      expect.objectContaining({ code: needed }),
    );
  });

  it("[LC36] refuses a profile of which anything was changed that it cannot work with", () => {
    for (const [name, value] of Object.entries(profile)) {
      for (const wrong of changesOf(value)) {
        const outcome = checkOodProfile({ ...profile, [name]: wrong });
        const codes = ["input.shape_mismatch", "input.not_finite"];
        expect(outcome.ok ? `${name} accepted` : outcome.refusal.code).toBeOneOf(codes);
      }
    }
  });

  it("[LC36] refuses what is no profile, or has fields that are none, at any depth", () => {
    const codeOf = (wrong: unknown): string | null => {
      const outcome = checkOodProfile(wrong as OodProfile);
      return outcome.ok ? null : outcome.refusal.code;
    };
    for (const wrong of spoiltOf(profile)) expect(codeOf(wrong)).toBe("input.shape_mismatch");
    expect(codeOf(profile)).toBeNull();
  });
});

it("[LC36] refuses what has no kind", () => {
  for (const wrong of [null, undefined, 7, "knn", [], {}, { kind: "toString" }, { kind: {} }]) {
    const outcome = checkOodProfile(wrong as OodProfile);
    expect(outcome.ok ? null : outcome.refusal.code).toBe("input.shape_mismatch");
  }
});

/** Copies of a record, in each of which one field somewhere is left out or no value of its type. */
function spoiltOf(record: object): unknown[] {
  return Object.entries(record).flatMap(([name, value]) => {
    const { [name]: _, ...rest } = record as { readonly [name: string]: unknown };
    const inner =
      typeof value === "object" && !ArrayBuffer.isView(value) ? spoiltOf(value as object) : [];
    return [rest, ...[null, "7", {}, ...inner].map((wrong) => ({ ...record, [name]: wrong }))];
  });
}

/** Values that no profile may have in place of this one. */
function changesOf(value: unknown): unknown[] {
  if (typeof value === "string") return ["crystal ball"];
  if (typeof value === "number") return [-1, Number.NaN, Number.POSITIVE_INFINITY];
  if (value instanceof Float64Array || value instanceof Float32Array) {
    return [value.map(() => Number.NaN), value.slice(1)];
  }
  if (value instanceof Uint32Array) return [value.slice(1), value.map(() => 1e9)];
  if (value instanceof Int16Array) return [value.slice(1), value.map(() => 99)];
  const inner = value as { readonly [name: string]: unknown };
  if ("spread" in inner)
    return [
      { ...inner, spread: 0 },
      { ...inner, middle: Number.NaN },
    ];
  if ("background" in inner) return [{ ...inner, background: inner["classes"] }];
  if ("references" in inner) return [{ ...inner, references: new Float32Array(3) }];
  // A Gaussian inside.
  return [
    { ...(value as object), dimension: 9 },
    { ...(value as object), factor: new Float64Array(10) },
  ];
}

it("[LC36] a tree that leads back or out of itself is refused, so every score ends", () => {
  const forest = profiles.find(({ kind }) => kind === "isolationForest");
  if (forest?.kind !== "isolationForest") throw new Error("no forest");
  for (const right of [0, 1, forest.rights.length, 2 ** 32 - 1]) {
    const rights = forest.rights.slice();
    rights[0] = right;
    const outcome = checkOodProfile({ ...forest, rights });
    expect(outcome.ok ? null : outcome.refusal.code).toBe("input.shape_mismatch");
  }
});

it("[LC36] the weight and the shrinkage of two distances are taken, and refused out of range", () => {
  const methodOf = (settings: object): OodMethod => ({ kind: "combined", ...settings });
  const scoreOf = (settings: object): number =>
    createOodScorer(
      unwrap(fitOodProfile(sound, methodOf(settings), createSeededRandom("hostile"))),
    ).score([9, -9, 3, 0]);
  const [half, once, twice] = [0.5, 1, 2].map((relativeWeight) => scoreOf({ relativeWeight }));
  expect(once).toBe(scoreOf({}));
  // Twice the weight adds twice the difference.
  expect((twice as number) - (once as number)).toBeCloseTo(
    2 * ((once as number) - (half as number)),
    9,
  );
  expect(scoreOf({ shrinkage: 1 })).not.toBe(once);
  const wrong = [{ relativeWeight: 0 }, { relativeWeight: Number.NaN }, { shrinkage: 2 }];
  for (const settings of wrong) {
    const outcome = fitOodProfile(sound, methodOf(settings), random);
    expect(outcome.ok ? null : outcome.refusal.code).toBe("input.shape_mismatch");
  }
});
