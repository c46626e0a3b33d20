import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nodeCryptography as cryptography } from "../crypto/nodeCryptography.ts";
import type { DeviceId } from "../ids.ts";
import { canaryHash, canaryThreshold, isSelected } from "./decisionRules.ts";

const devices = fc
  .uniqueArray(fc.stringMatching(/^[a-z0-9]{1,10}$/), { minLength: 1, maxLength: 40 })
  .map((ids) => ids as DeviceId[]);
const salt = fc.string({ minLength: 1, maxLength: 20 });
const selected = (
  of: readonly DeviceId[],
  selection: { salt: string; threshold: number },
): DeviceId[] => of.filter((device) => isSelected(selection, device, cryptography));

describe("canary selection", () => {
  it("[PR41] hashes salt and device to 32 bits", () => {
    const digest = cryptography.sha256(
      new TextEncoder().encode("attune/v1/canary\0rollout-41\0dev-1"),
    );
    const hash = canaryHash("rollout-41", "dev-1" as DeviceId, cryptography);
    expect(hash).toBe(new DataView(digest.buffer, digest.byteOffset).getUint32(0));
    expect(hash).toBe(332_833_854);
  });

  it("[PR42] selects exactly as many devices as were asked for, all of them when there are fewer", () => {
    fc.assert(
      fc.property(devices, salt, fc.integer({ min: 1, max: 50 }), (all, by, count) => {
        const threshold = canaryThreshold(by, all, count, cryptography);
        expect(selected(all, { salt: by, threshold }).length).toBe(Math.min(count, all.length));
      }),
    );
  });

  it("[PR42] keeps who is in when it grows, and does not ask who else is there", () => {
    fc.assert(
      fc.property(
        devices,
        salt,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 0, max: 20 }),
        (all, by, count, more) => {
          const small = canaryThreshold(by, all, count, cryptography);
          const large = canaryThreshold(by, all, count + more, cryptography);
          expect(large).toBeGreaterThanOrEqual(small);
          const before = selected(all, { salt: by, threshold: small });
          expect(selected(all, { salt: by, threshold: large })).toEqual(
            expect.arrayContaining(before),
          );
          // Each device decides by itself.
          const half = all.filter((_, index) => index % 2 === 0);
          expect(selected(half, { salt: by, threshold: small })).toStrictEqual(
            before.filter((device) => half.includes(device)),
          );
        },
      ),
    );
  });

  it("[PR42] depends on the set of devices, not on their order", () => {
    fc.assert(
      fc.property(devices, salt, fc.integer({ min: 1, max: 50 }), (all, by, count) => {
        expect(canaryThreshold(by, all.toReversed(), count, cryptography)).toBe(
          canaryThreshold(by, all, count, cryptography),
        );
      }),
    );
  });

  it("[PR41] spreads devices evenly, and otherwise for another salt", () => {
    const all = Array.from({ length: 2000 }, (_, index) => `dev-${index}` as DeviceId);
    const half = { salt: "a", threshold: 0x7fffffff };
    const inA = selected(all, half);
    const inB = selected(all, { ...half, salt: "b" });
    // 1,000 +- 22 by chance: five deviations.
    expect(Math.abs(inA.length - 1000)).toBeLessThan(112);
    expect(Math.abs(inA.filter((device) => inB.includes(device)).length - 500)).toBeLessThan(100);
  });

  it("[PR42] of an empty fleet selects nobody who has not the smallest hash of all", () => {
    expect(canaryThreshold("s", [], 3, cryptography)).toBe(0);
  });
});
