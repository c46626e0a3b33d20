import type { PairedCounts } from "@attune/protocol";
import { Defect } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { uniform } from "../../ports/random.ts";
import { meanEvidence, pooledEvidence } from "./fleetEvidence.ts";
import { addPair, noPairs } from "./pairedCounts.ts";
import { betterEvidence, harmEvidence } from "./pairedEvidence.ts";

it("[LC25] the mean of no device is 1, and one device moves it by at most its share", () => {
  expect(meanEvidence([])).toBe(1);
  expect(meanEvidence([31.875, 1, 0.125])).toBe(11);
  expect(meanEvidence([Number.MAX_VALUE, Number.MAX_VALUE])).toBe(Number.MAX_VALUE);
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1 }),
      (values) => {
        const without = meanEvidence([...values, 0]);
        const withLiar = meanEvidence([...values, 1e6]);
        expect(withLiar - without).toBeCloseTo(1e6 / (values.length + 1), 3);
      },
    ),
  );
});

it("[LC25] a value that is no evidence is a defect", () => {
  expect(() => meanEvidence([1, -1])).toThrow(Defect);
  expect(() => meanEvidence([Number.NaN])).toThrow(Defect);
});

it("[LC26] under the cap pooling adds up the counts, whatever the order of the devices", () => {
  const devices: PairedCounts[] = [
    { n: 40, wins: 3, losses: 1 },
    { n: 10, wins: 0, losses: 0 },
    { n: 70, wins: 2, losses: 2 },
  ];
  const pooled = pooledEvidence(devices, { discordantPerDeviceMax: 4, direction: "better" });
  expect(pooled.counts).toEqual({ n: 120, wins: 5, losses: 3 });
  expect(pooled.evidence).toBe(betterEvidence(pooled.counts));
  expect(pooled).toMatchObject({ deviceCount: 3, cappedDeviceCount: 0 });
  expect(
    pooledEvidence(devices.reverse(), { discordantPerDeviceMax: 4, direction: "better" }),
  ).toEqual(pooled);
});

it("[LC26] no device counts for more than the cap, and rounding never helps the claim", () => {
  fc.assert(
    fc.property(fc.nat(500), fc.nat(500), fc.integer({ min: 1, max: 50 }), (wins, losses, cap) => {
      const device = { n: wins + losses + 10, wins, losses };
      for (const direction of ["better", "harm"] as const) {
        const { counts } = pooledEvidence([device], { discordantPerDeviceMax: cap, direction });
        const discordant = Math.min(cap, wins + losses);
        expect(counts.wins + counts.losses).toBe(discordant);
        expect(counts.n).toBeGreaterThanOrEqual(discordant);
        const share =
          wins + losses === 0 ? 0 : (direction === "better" ? wins : losses) / (wins + losses);
        expect(direction === "better" ? counts.wins : counts.losses).toBeLessThanOrEqual(
          share * discordant + 1e-9,
        );
      }
    }),
  );
});

it("[LC26] one device with a thousand wins cannot carry a fleet of none", () => {
  const fleet = [
    { n: 1000, wins: 1000, losses: 0 },
    ...Array.from({ length: 20 }, () => ({ n: 50, wins: 2, losses: 3 })),
  ];
  expect(
    pooledEvidence(fleet, { discordantPerDeviceMax: 5, direction: "better" }).evidence,
  ).toBeLessThan(1);
  expect(
    pooledEvidence(fleet, { discordantPerDeviceMax: 2000, direction: "better" }).evidence,
  ).toBeGreaterThan(1e6);
});

it("[LC26] small harm on every device adds up, and is found sooner than by the mean", () => {
  const fleet = Array.from({ length: 12 }, () => ({ n: 60, wins: 1, losses: 4 }));
  const pooled = pooledEvidence(fleet, { discordantPerDeviceMax: 10, direction: "harm" });
  expect(pooled.evidence).toBeGreaterThan(1000);
  expect(meanEvidence(fleet.map(harmEvidence))).toBeLessThan(5);
});

it("[LC26] with no difference anywhere, thinned devices pass the limit in at most 1 of limit looks", () => {
  const random = createSeededRandom("pooled null");
  const runs = 1500;
  let passed = 0;
  for (let run = 0; run < runs; run++) {
    const fleet: PairedCounts[] = [];
    for (let device = 0; device < 4; device++) {
      let counts = noPairs;
      for (let pair = 0; pair < 30; pair++) {
        const isWin = uniform(random) < 0.5;
        counts = addPair(counts, isWin, !isWin);
      }
      fleet.push(counts);
    }
    if (pooledEvidence(fleet, { discordantPerDeviceMax: 8, direction: "better" }).evidence >= 5)
      passed++;
  }
  expect(passed / runs).toBeLessThan(0.2);
});

it("[LC26] a cap below one pair is a defect", () => {
  for (const cap of [0, 0.5, Number.NaN]) {
    expect(() => pooledEvidence([], { discordantPerDeviceMax: cap, direction: "better" })).toThrow(
      Defect,
    );
  }
});
