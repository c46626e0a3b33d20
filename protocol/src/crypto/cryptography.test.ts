import { Point } from "@noble/ed25519";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeCryptography } from "./cryptography.contract.ts";
import { isStrongPoint, keyIdOf, toHex } from "./cryptography.ts";
import { nodeCryptography } from "./nodeCryptography.ts";
import { portableCryptography } from "./portableCryptography.ts";

describeCryptography("node", nodeCryptography);
describeCryptography("portable", portableCryptography);

describe("both implementations", () => {
  it("[PR15] agree on keys with a part of small order, where signatures are ambiguous", () => {
    // A point of order 8, added to an honest key; whoever owns the key can make signatures that only one of the equations takes.
    const torsion = Point.fromHex(
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    );
    const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(
        seeds,
        fc.uint8Array({ maxLength: 20 }),
        fc.nat({ max: 7 }),
        (seed, message, times) => {
          const keys = portableCryptography.keyPair(seed);
          let point = Point.fromBytes(keys.publicKey);
          for (let time = 0; time < times; time += 1) point = point.add(torsion);
          const mixed = point.toBytes();
          const signature = portableCryptography.sign(keys.secretKey, message);
          const verdicts = [nodeCryptography, portableCryptography].map((cryptography) =>
            cryptography.verify(mixed, message, signature),
          );
          expect(verdicts[0]).toBe(verdicts[1]);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("a strong point", () => {
  it("[PR15] is canonical and of more than small order", () => {
    const torsion = Point.fromHex(
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    );
    const orders = new Set<string>();
    for (let time = 0, point = Point.ZERO; time < 8; time += 1, point = point.add(torsion)) {
      orders.add(toHex(point.toBytes()));
      expect(isStrongPoint(point.toBytes())).toBe(false);
    }
    expect(orders.size).toBe(8);
    expect(isStrongPoint(Point.BASE.toBytes())).toBe(true);
    expect(isStrongPoint(Point.BASE.add(torsion).toBytes())).toBe(true);
  });

  it("[PR15] has y below 2^255 - 19", () => {
    const y = (last: number): Uint8Array => {
      const bytes = new Uint8Array(32).fill(0xff);
      bytes[0] = last;
      bytes[31] = 0x7f;
      return bytes;
    };
    expect(isStrongPoint(y(0xeb))).toBe(true);
    for (let last = 0xed; last <= 0xff; last += 1) expect(isStrongPoint(y(last))).toBe(false);
  });
});

describe("a key id", () => {
  it("[PR16] is the first eight bytes of the digest of the public key", () => {
    const key = new Uint8Array(32).fill(7);
    expect(keyIdOf(nodeCryptography, key)).toBe(toHex(nodeCryptography.sha256(key)).slice(0, 16));
  });
});
