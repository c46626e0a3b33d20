// Laws of profiles: counts merge exactly in any order, bytes carry everything, resumed equals uninterrupted.
import { Defect, encodeCbor, unwrap } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { binOf, quantileEdges } from "./binEdges.ts";
import { checkProfile, createProfile, mergeProfiles, type Profile } from "./profile.ts";
import { decodeProfile, encodeProfile, profileBytesMax } from "./profileCodec.ts";

const layout = { edges: [[-1, 0, 1], [10], []], classCount: 3 };
const value = fc.oneof(
  fc.double({ min: -3, max: 3, noNaN: true }),
  fc.double(),
  fc.constantFrom(-1, 0, 1, 10, Number.NaN, Number.POSITIVE_INFINITY, 5e-324, 1e100),
);
const windows = fc.array(
  fc.record({ features: fc.tuple(value, value, value), label: fc.integer({ min: -1, max: 3 }) }),
  { maxLength: 40 },
);
type Windows = readonly { features: readonly number[]; label: number }[];

function profileOf(list: Windows, from?: Profile): Profile {
  const builder = createProfile(layout, from);
  for (const { features, label } of list) builder.observe(features, label);
  return builder.profile();
}

/** What must be equal to the bit: everything that was counted. */
function countsOf({ windowCount, features, classCounts }: Profile): unknown {
  return {
    windowCount,
    classCounts,
    features: features.map(({ binCounts, missingCount, moments }) => ({
      binCounts,
      missingCount,
      count: moments.count,
      least: moments.least,
      largest: moments.largest,
    })),
  };
}

it("[LC85] counts merge exactly, commutatively and associatively, and are those of one stream", () => {
  fc.assert(
    fc.property(windows, windows, windows, (a, b, c) => {
      const [pa, pb, pc] = [profileOf(a), profileOf(b), profileOf(c)];
      const left = unwrap(mergeProfiles(unwrap(mergeProfiles(pa, pb)), pc));
      const right = unwrap(mergeProfiles(pa, unwrap(mergeProfiles(pb, pc))));
      expect(countsOf(left)).toEqual(countsOf(right));
      expect(mergeProfiles(pa, pb)).toEqual(mergeProfiles(pb, pa));
      expect(countsOf(left)).toEqual(countsOf(profileOf([...a, ...b, ...c])));
    }),
  );
});

it("[LC85] moments of merged streams are those of one stream, up to rounding", () => {
  const number = fc.double({ min: -1e3, max: 1e3, noNaN: true });
  fc.assert(
    fc.property(fc.array(number, { minLength: 1 }), fc.array(number), (a, b) => {
      const asWindows = (values: readonly number[]): Windows =>
        values.map((x) => ({ features: [x, x, x], label: 0 }));
      const merged = unwrap(mergeProfiles(profileOf(asWindows(a)), profileOf(asWindows(b))));
      const whole = profileOf(asWindows([...a, ...b])).features[0];
      const both = merged.features[0];
      expect(both?.moments.mean).toBeCloseTo(whole?.moments.mean as number, 8);
      expect(both?.moments.squares).toBeCloseTo(whole?.moments.squares as number, 3);
    }),
  );
});

it("[LC85] a profile that went through bytes goes on as if it had not been interrupted", () => {
  fc.assert(
    fc.property(windows, fc.nat(40), (list, cut) => {
      const first = unwrap(decodeProfile(encodeProfile(profileOf(list.slice(0, cut)))));
      expect(profileOf(list.slice(cut), first)).toEqual(profileOf(list));
    }),
  );
});

it("[LC85] bins are half open, and edges at quantiles fill them evenly", () => {
  expect([-2, -1, -0.5, 0, 1, 2].map((x) => binOf([-1, 0, 1], x))).toEqual([0, 1, 1, 2, 3, 3]);
  const sample = Array.from({ length: 1000 }, (_, index) => (index * 7919) % 1000);
  const counts = Array.from({ length: 10 }, () => 0);
  const edges = quantileEdges(sample, 10);
  for (const x of sample) counts[binOf(edges, x)] = (counts[binOf(edges, x)] as number) + 1;
  expect(counts.every((count) => count === 100)).toBe(true);
  // What never varies has its own bin, between all that is less and all that is more.
  const still = quantileEdges([4, 4, 4], 10);
  expect([3.99, 4, 4.01].map((x) => binOf(still, x))).toEqual([0, 1, 2]);
  for (const bad of [[], [Number.NaN]]) expect(() => quantileEdges(bad, 4)).toThrow(Defect);
});

it("[LC86] whatever bytes arrive, they are a profile that holds together or a refusal", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(decodeProfile(bytes).ok).toBe(false);
    }),
  );
  fc.assert(
    fc.property(fc.anything(), (anything) => {
      expect(checkProfile(anything).ok).toBe(false);
    }),
  );
});

it("[LC86] a profile whose counts, bounds or bins do not hold together is refused", () => {
  const good = profileOf([{ features: [0, 0, 0], label: 1 }]);
  expect(checkProfile(good).ok).toBe(true);
  const feature = good.features[0] as Profile["features"][number];
  const withFeature = (change: object): unknown => ({
    ...good,
    features: [{ ...feature, ...change }, ...good.features.slice(1)],
  });
  for (const bad of [
    { ...good, version: 2 },
    { ...good, windowCount: 2 },
    { ...good, windowCount: -1 },
    { ...good, classCounts: [0, 2, 0] },
    { ...good, classCounts: [0, 1] },
    { ...good, features: good.features.slice(1) },
    { ...good, layout: { ...layout, edges: [[1, 0], [10], []] } },
    { ...good, layout: { ...layout, edges: [[Number.NaN, 0, 1], [10], []] } },
    { ...good, layout: { ...layout, classCount: 1e9 } },
    { ...good, layout: { edges: Array.from({ length: 5000 }, () => []), classCount: 3 } },
    withFeature({ binCounts: [1, 1, 0, 0] }),
    withFeature({ binCounts: [0.5, 0.5, 0, 0] }),
    withFeature({ missingCount: 1 }),
    withFeature({ moments: { ...feature.moments, mean: Number.NaN } }),
    withFeature({ moments: { ...feature.moments, squares: -1 } }),
    withFeature({ moments: { ...feature.moments, squares: Number.POSITIVE_INFINITY } }),
    withFeature({ moments: { ...feature.moments, least: 5 } }),
  ]) {
    expect(checkProfile(bad)).toMatchObject({ ok: false });
    const decoded = decodeProfile(encodeCbor(bad));
    expect(decoded).toMatchObject({ ok: false, refusal: { code: "input.shape_mismatch" } });
  }
  const tooLarge = decodeProfile(new Uint8Array(profileBytesMax + 1));
  expect(tooLarge).toMatchObject({ ok: false, refusal: { code: "frame.too_large" } });
  const other = createProfile({ edges: [[0]], classCount: 3 }).profile();
  expect(mergeProfiles(good, other)).toMatchObject({
    ok: false,
    refusal: { code: "input.shape_mismatch" },
  });
  expect(() => createProfile(layout, other)).toThrow(Defect);
});
