// Streams that are small and would be expensive.
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DELTA_BYTES_MAX } from "../limits.ts";
import { inflateInto } from "./inflate.ts";

/** 95 KB that become 98 MB. */
const bomb = new Uint8Array(deflateRawSync(Buffer.alloc(98_000_000), { level: 9 }));

/** Counts the bytes that are read: time without a clock. */
const counted = (
  bytes: Uint8Array,
): { readonly bytes: Uint8Array; readonly reads: () => number } => {
  let reads = 0;
  const proxy = new Proxy(bytes, {
    get: (target, property) => {
      if (typeof property === "string" && /^\d+$/.test(property)) reads += 1;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { bytes: proxy, reads: () => reads };
};

describe("a compression bomb", () => {
  it("[PR33] fits a message, or it would prove nothing", () => {
    expect(bomb.length).toBeLessThan(DELTA_BYTES_MAX);
  });

  it.each([0, 1, 1000, 36_000, 1_000_000])(
    "[PR33] is stopped at the promised %i bytes",
    (length) => {
      const out = new Uint8Array(length + 8).fill(0xaa);
      const { bytes, reads } = counted(bomb);
      expect(inflateInto(bytes, out.subarray(0, length))).toStrictEqual({
        isSize: true,
        what: `inflates to more than the ${length} bytes that are expected`,
      });
      expect([...out.subarray(length)]).toStrictEqual(Array.from({ length: 8 }, () => 0xaa));
      // A run of 258 takes 2 bits at the least; the codes before it about 30 bytes.
      expect(reads()).toBeLessThan(100 + length / 258);
    },
  );

  it("[PR33] made of the shortest literals, one bit each, is stopped as soon", () => {
    const literals = new Uint8Array(
      deflateRawSync(Buffer.alloc(700_000), { strategy: constants.Z_HUFFMAN_ONLY }),
    );
    const { bytes, reads } = counted(literals);
    expect(inflateInto(bytes, new Uint8Array(1000))).toMatchObject({ isSize: true });
    expect(literals.length).toBeGreaterThan(80_000);
    expect(reads()).toBeLessThan(1000);
  });

  it("[PR33] made of empty blocks is read once through", () => {
    const empty = new Uint8Array(19_000 * 5).map((_, at) => [0, 0, 0, 0xff, 0xff][at % 5] ?? 0);
    const { bytes, reads } = counted(empty);
    expect(inflateInto(bytes, new Uint8Array(1000))).toMatchObject({ isSize: false });
    expect(reads()).toBeLessThanOrEqual(2 * empty.length);
  });
});

/** What zlib makes of a stream that must end with its input; nothing when it refuses. */
const zlibReads = (bytes: Uint8Array): Buffer | undefined => {
  try {
    const { buffer, engine } = inflateRawSync(bytes, { info: true }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    return engine.bytesWritten === bytes.length ? buffer : undefined;
  } catch {
    return undefined;
  }
};

describe("damaged streams", () => {
  const values = Uint8Array.from({ length: 900 }, (_, at) => Math.round(9 * Math.sin(at * at)));
  const packed = [
    deflateRawSync(values, { level: 9 }),
    deflateRawSync(values, { strategy: constants.Z_FIXED }),
    deflateRawSync(values, { level: 0 }),
    deflateRawSync(values, { strategy: constants.Z_HUFFMAN_ONLY }),
    deflateRawSync(new Uint8Array(900), { level: 9 }),
  ].map((bytes) => new Uint8Array(bytes));

  it("[PR33] are accepted exactly when zlib accepts them, with the same bytes", () => {
    const flips = fc.array(fc.nat({ max: 5000 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.constantFrom(...packed), flips, (whole, bits) => {
        const bytes = whole.slice();
        for (const bit of bits) {
          const at = (bit >> 3) % bytes.length;
          bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
        }
        const expected = zlibReads(bytes);
        const out = new Uint8Array(expected?.length ?? values.length);
        const problem = inflateInto(bytes, out);
        expect(problem === undefined).toBe(expected !== undefined);
        expect(expected === undefined || expected.equals(out)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it("[PR33] are refused wherever they are cut", () => {
    for (const bytes of packed) {
      for (let length = 0; length < bytes.length; length += 1) {
        expect(inflateInto(bytes.subarray(0, length), new Uint8Array(900))).toBeDefined();
      }
    }
  });
});
