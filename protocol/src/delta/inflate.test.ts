import { constants, deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inflateInto } from "./inflate.ts";

/** What zlib can be asked for: stored blocks, fixed codes, dynamic codes, matches only, runs only. */
const compress = {
  stored: (bytes: Uint8Array) => deflateRawSync(bytes, { level: 0 }),
  fixed: (bytes: Uint8Array) => deflateRawSync(bytes, { strategy: constants.Z_FIXED }),
  dynamic: (bytes: Uint8Array) => deflateRawSync(bytes, { level: 9 }),
  huffman: (bytes: Uint8Array) => deflateRawSync(bytes, { strategy: constants.Z_HUFFMAN_ONLY }),
  runs: (bytes: Uint8Array) => deflateRawSync(bytes, { strategy: constants.Z_RLE }),
  manyBlocks: (bytes: Uint8Array) => deflateRawSync(bytes, { level: 9, memLevel: 1 }),
};
const inflated = (packed: Uint8Array, length: number): Uint8Array => {
  const out = new Uint8Array(length);
  expect(inflateInto(packed, out)).toBeUndefined();
  return out;
};

const text = new TextEncoder().encode("a man, a plan, a canal: panama; ".repeat(400));
const noise = Uint8Array.from({ length: 70_000 }, (_, at) => Math.imul(at, 2_654_435_761) >>> 24);
/** Frequencies like Fibonacci numbers: codes of up to 15 bits. */
const skewed = Uint8Array.from(
  Array.from({ length: 22 }, (_, symbol) =>
    Array.from({ length: Math.round(1.6 ** symbol) }, () => symbol),
  ).flat(),
);

describe("inflate", () => {
  it.each(Object.entries(compress))("[PR33] reads %s blocks of zlib", (_, deflate) => {
    for (const bytes of [
      new Uint8Array(),
      Uint8Array.of(7),
      text,
      noise,
      skewed,
      new Uint8Array(9000),
    ]) {
      expect(inflated(deflate(bytes), bytes.length)).toStrictEqual(bytes);
    }
  });

  it("[PR33] gives back whatever zlib compressed, at every level", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 12 }), fc.nat({ max: 60 })), {
          maxLength: 12,
        }),
        fc.constantFrom(...Object.values(compress)),
        (runs, deflate) => {
          const bytes = Uint8Array.from(
            runs.flatMap(([run, times]) => Array.from({ length: times }, () => [...run]).flat()),
          );
          expect(inflated(deflate(bytes), bytes.length)).toStrictEqual(bytes);
        },
      ),
    );
  });

  it("[PR33] says whether the size is wrong or the data", () => {
    const packed = compress.dynamic(text);
    expect(inflateInto(packed, new Uint8Array(text.length - 1))?.isSize).toBe(true);
    expect(inflateInto(packed, new Uint8Array(text.length + 1))?.isSize).toBe(true);
    expect(inflateInto(packed, new Uint8Array())?.isSize).toBe(true);
    expect(inflateInto(packed.subarray(0, -1), new Uint8Array(text.length))?.isSize).toBe(false);
    expect(inflateInto(new Uint8Array([...packed, 0]), new Uint8Array(text.length))).toStrictEqual({
      isSize: false,
      what: "goes on after its compressed data",
    });
  });

  it.each<[string, string]>([
    ["nothing", ""],
    ["a block type that is none", "07"],
    ["a stored length that its complement denies", "01010000ff00"],
    ["a stored block that is not all there", "010500faff0000"],
    ["a distance before the beginning", "4b04020000"],
    ["more than 286 literal codes", "fdff"],
    ["code lengths that repeat nothing", "0cc0810000000000903fff6d0c"],
    ["a dynamic block that ends in its code lengths", "0dc0"],
    ["a fixed code that is reserved", "1bff"],
  ])("[PR33] refuses %s", (_, hex) => {
    const bytes = new Uint8Array(Buffer.from(hex, "hex"));
    expect(inflateInto(bytes, new Uint8Array(4))).toMatchObject({ isSize: false });
  });
});
