import { describe, expect, it } from "vitest";
import { Defect, unwrap } from "../errors.ts";
import { CBOR_DEPTH_MAX } from "../limits.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

describe("what is written", () => {
  // RFC 8949, appendix A, as far as the subset goes.
  it.each<[unknown, string]>([
    [0, "00"],
    [1, "01"],
    [23, "17"],
    [24, "1818"],
    [255, "18ff"],
    [256, "190100"],
    [65_535, "19ffff"],
    [65_536, "1a00010000"],
    [4_294_967_295, "1affffffff"],
    [4_294_967_296, "fb41f0000000000000"],
    [1_000_000_000_000, "fb426d1a94a2000000"],
    [Number.MAX_SAFE_INTEGER, "fb433fffffffffffff"],
    [-1, "20"],
    [-1000, "3903e7"],
    [-4_294_967_296, "3affffffff"],
    [-4_294_967_297, "fbc1f0000000100000"],
    [1.1, "fb3ff199999999999a"],
    [2 ** 53, "fb4340000000000000"],
    [Number.NaN, "fb7ff8000000000000"],
    [Number.POSITIVE_INFINITY, "fb7ff0000000000000"],
    [false, "f4"],
    [true, "f5"],
    [null, "f6"],
    ["", "60"],
    ["IETF", "6449455446"],
    ["\u00fc", "62c3bc"],
    ["\u{10151}", "64f0908591"],
    ["a".repeat(72), `7848${"61".repeat(72)}`],
    [Uint8Array.of(1, 2, 3, 4), "4401020304"],
    [[], "80"],
    [[1, [2, 3], [4, 5]], "8301820203820405"],
    [{}, "a0"],
    [{ a: 1, b: [2, 3] }, "a26161016162820203"],
  ])("[PR7] %o is %s", (value, expected) => {
    expect(hex(encodeCbor(value))).toBe(expected);
    expect(unwrap(decodeCbor(bytesOf(expected)))).toStrictEqual(value);
  });

  it("[PR8] leaves out properties without a value, and keeps the order of keys", () => {
    expect(hex(encodeCbor({ b: 1, gone: undefined, a: 2 }))).toBe("a2616201616102");
  });

  it("replaces a lone surrogate, which UTF-8 cannot write", () => {
    expect(unwrap(decodeCbor(encodeCbor("x\ud800")))).toBe("x\ufffd");
    expect(unwrap(decodeCbor(encodeCbor({ "\udc00": 1 })))).toStrictEqual({ "\ufffd": 1 });
  });

  it("[PR7] writes -0 as 0", () => {
    expect(hex(encodeCbor([-0, Float64Array.of(-0)]))).toBe("8200d856480000000000000080");
  });

  it("takes arrays and bytes of a subclass for what they are", () => {
    class Items extends Array<number> {}
    expect(hex(encodeCbor([Items.of(1, 2), Buffer.of(3)]))).toBe("828201024103");
  });

  it("hands out bytes that the next call leaves alone", () => {
    const first = encodeCbor("first");
    encodeCbor("other");
    expect(unwrap(decodeCbor(first))).toBe("first");
    expect(first.buffer.byteLength).toBe(first.length);
  });

  it.each([
    [new Map()],
    [new Date(0)],
    [1n],
    [Symbol("s")],
    [() => 1],
    [new DataView(new ArrayBuffer(1))],
    [new Uint8ClampedArray(1)],
    ["\ufeffa"],
    [{ "\ufeffa": 1 }],
    [JSON.parse('{ "__proto__": 1 }')],
  ])("throws a Defect for %s", (value) => {
    expect(() => encodeCbor({ value })).toThrowError(
      expect.objectContaining({ name: "Defect", code: "cbor.value_unsupported" }),
    );
  });

  it("throws a Defect for a value that contains itself", () => {
    const loop: unknown[] = [];
    loop.push(loop);
    expect(() => encodeCbor(loop)).toThrowError(Defect);
  });
});

describe("what is read", () => {
  it.each<[string, unknown]>([
    ["1800", 0],
    ["1b0000000000000001", 1],
    ["1b000000e8d4a51000", 1_000_000_000_000],
    ["1b001fffffffffffff", Number.MAX_SAFE_INTEGER],
    ["fb8000000000000000", -0],
    ["f93c00", 1],
    ["f9c400", -4],
    ["f90001", 5.960464477539063e-8],
    ["f97c00", Number.POSITIVE_INFINITY],
    ["f97e00", Number.NaN],
    ["fa47c35000", 100_000],
    ["fb40f86a0000000000", 100_000],
    ["f7", undefined],
    ["780161", "a"],
    ["d855440000803f", Float32Array.of(1)],
  ])(
    "[PR7] %s is %o, though it would be written otherwise or not in a message",
    (text, expected) => {
      expect(unwrap(decodeCbor(bytesOf(text)))).toStrictEqual(expected);
    },
  );

  it.each<[string, string]>([
    ["nothing at all", ""],
    ["something behind the value", "0101"],
    ["an array of no definite length", "9f01ff"],
    ["a text of no definite length", "7f6161ff"],
    ["a map of no definite length", "bf616101ff"],
    ["a break", "ff"],
    ["a reserved length", "1c"],
    ["an integer over 2^53 - 1", "1b0020000000000000"],
    ["an integer under -2^32", "3b0000000100000000"],
    ["a negative integer in eight bytes", "3b0000000000000000"],
    ["a length in eight bytes", "7b000000000000000161"],
    ["a big number", "c249010000000000000000"],
    ["a date", "c11a514b67b0"],
    ["a set", "d901028101"],
    ["a regular expression", "d81b82665265674578706161"],
    ["a reference to itself", "d81c81d81d00"],
    ["a record definition", "d869830181616102"],
    ["a number as a key", "a10102"],
    ["a key without a value", "a16161"],
    ["a key that is there twice", "a2616101616102"],
    ["a text that is not UTF-8", "62c328"],
    ["a text that begins with a byte order mark", "64efbbbf61"],
    ["a key that begins with a byte order mark", "a164efbbbf6101"],
    ["a long text that is not UTF-8", `7850${"ff".repeat(80)}`],
    ["a typed array that ends inside an element", "d85543000080"],
    ["a typed array that is not bytes", "d85501"],
    ["an unassigned simple value", "f0"],
    ["a simple value in two bytes", "f820"],
    ["half a float", "f93c"],
  ])("[PR6] refuses %s", (_, text) => {
    expect(decodeCbor(bytesOf(text))).toMatchObject({
      ok: false,
      refusal: { code: "frame.not_decodable" },
    });
  });

  it("[PR6] refuses __proto__ as a key, at any depth, and changes no prototype", () => {
    const key = Buffer.from("__proto__").toString("hex");
    for (const text of [`a169${key}a1616101`, `a16162a169${key}a1616101`]) {
      expect(decodeCbor(bytesOf(text)).ok).toBe(false);
    }
    expect(Object.hasOwn(Object.prototype, "a")).toBe(false);
    // What other languages take for special is an ordinary key.
    const value = unwrap(decodeCbor(encodeCbor({ constructor: 1, toString: 2 })));
    expect(value).toStrictEqual({ constructor: 1, toString: 2 });
  });

  it("[PR6] goes as deep as the limit and no deeper", () => {
    const nested = (depth: number): Uint8Array => new Uint8Array(depth).fill(0x81);
    const within = new Uint8Array([...nested(CBOR_DEPTH_MAX), 0x01]);
    expect(decodeCbor(within).ok).toBe(true);
    expect(decodeCbor(new Uint8Array([...nested(CBOR_DEPTH_MAX + 1), 0x01])).ok).toBe(false);
    expect(hex(encodeCbor(unwrap(decodeCbor(within))))).toBe(hex(within));
  });

  it("[PR6] counts values and keys, and stops at the number that its caller expects", () => {
    expect(decodeCbor(encodeCbor({ a: [1, 2] }), 5).ok).toBe(true);
    expect(decodeCbor(encodeCbor({ a: [1, 2] }), 4).ok).toBe(false);
  });

  it("gives copies of byte strings and typed arrays, at any alignment", () => {
    const bytes = encodeCbor({ a: Uint8Array.of(1, 2), b: Float64Array.of(0.1, -0) });
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    const value = unwrap(decodeCbor(shifted.subarray(1))) as { a: Uint8Array; b: Float64Array };
    shifted.fill(0xff);
    expect(value.a).toStrictEqual(Uint8Array.of(1, 2));
    expect(value.b).toStrictEqual(Float64Array.of(0.1, -0));
  });
});
