// Deltas that nobody honest would send, and those that an honest device must not send.
import { deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { DELTA_BYTES_MAX } from "../limits.ts";
import { parameterSetOf } from "../parameters/parameterSet.ts";
import { decodeDelta, encodeDelta } from "./deltaCodec.ts";

const base = parameterSetOf([
  { name: "a", dims: [4], data: new Float32Array(4) },
  { name: "b", dims: [2], data: new Float32Array(2) },
]);
interface Entry {
  readonly index: number;
  readonly scale: number;
}
const wire = (
  entries: readonly Entry[],
  values: readonly number[] | Uint8Array,
  tensorCount = entries.length,
): Uint8Array => {
  const header = new DataView(new ArrayBuffer(2 + 6 * entries.length));
  header.setUint16(0, tensorCount, true);
  entries.forEach(({ index, scale }, at) => {
    header.setUint16(2 + 6 * at, index, true);
    header.setFloat32(4 + 6 * at, scale, true);
  });
  const packed = deflateRawSync(Int8Array.from(values), { level: 9 });
  return new Uint8Array([...new Uint8Array(header.buffer), ...packed]);
};
const codeOf = (bytes: Uint8Array): string => {
  const outcome = decodeDelta(bytes, base);
  return outcome.ok ? "" : outcome.refusal.code;
};
const both: readonly Entry[] = [
  { index: 0, scale: 1 },
  { index: 1, scale: 1 },
];

describe("a delta from somewhere else", () => {
  it("[PR29] is taken when it is for this base", () => {
    const outcome = decodeDelta(wire(both, [1, 2, 3, -128, 5, -127]), base);
    expect(outcome).toStrictEqual({
      ok: true,
      value: [
        { index: 0, values: Float32Array.of(1, 2, 3, -128) },
        { index: 1, values: Float32Array.of(5, -127) },
      ],
    });
    expect(codeOf(wire([], []))).toBe("");
  });

  it.each<[string, Uint8Array]>([
    ["is nothing", new Uint8Array()],
    ["has half a count", Uint8Array.of(1)],
    ["promises 65,535 tensors", wire([], [], 65_535)],
    ["promises a tensor more than it has", wire(both, [], 3).subarray(0, 14)],
    [
      "promises 4,097 tensors and has them",
      wire(
        Array.from({ length: 4097 }, (_, index) => ({ index, scale: 1 })),
        [],
      ),
    ],
    ["has no compressed data", wire(both, []).subarray(0, 14)],
    ["is cut in its compressed data", wire(both, [1, 2, 3, 4, 5, 6]).subarray(0, -1)],
    ["goes on after its compressed data", new Uint8Array([...wire(both, [1, 2, 3, 4, 5, 6]), 0])],
    [
      "has damaged compressed data",
      new Uint8Array([...wire(both, []).subarray(0, 14), 0xff, 0xff]),
    ],
    ["is over the limit", new Uint8Array(DELTA_BYTES_MAX + 1)],
  ])("[PR33] that %s is delta.not_decodable", (_, bytes) => {
    expect(codeOf(bytes)).toBe("delta.not_decodable");
  });

  it.each<[string, Uint8Array]>([
    ["names a tensor that the base has not", wire([{ index: 2, scale: 1 }], [1, 2])],
    ["names tensor 65,535", wire([{ index: 65_535, scale: 1 }], [])],
    ["names a tensor twice", wire([both[1] as Entry, both[1] as Entry], [1, 2, 3, 4])],
    ["names tensors out of order", wire([both[1] as Entry, both[0] as Entry], [1, 2, 3, 4, 5, 6])],
    ["has a value too few", wire(both, [1, 2, 3, 4, 5])],
    ["has a value too many", wire(both, [1, 2, 3, 4, 5, 6, 7])],
    ["is a bomb of 90 MB", wire(both, new Uint8Array(90_000_000))],
  ])("[PR33] that %s is delta.shape_mismatch", (_, bytes) => {
    expect(bytes.length).toBeLessThan(DELTA_BYTES_MAX);
    expect(codeOf(bytes)).toBe("delta.shape_mismatch");
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, -1e-45, 2 ** 121])(
    "[PR31] with the scale %f is delta.not_finite",
    (scale) => {
      expect(codeOf(wire([{ index: 0, scale }], [1, 2, 3, 4]))).toBe("delta.not_finite");
    },
  );

  it("[PR31] with the largest scale, -0 or a denormal one gives finite values", () => {
    for (const scale of [2 ** 121 - 2 ** 97, -0, 1e-45]) {
      const outcome = decodeDelta(wire([{ index: 0, scale }], [127, -128, 0, 1]), base);
      expect(outcome.ok && outcome.value[0]?.values.every((value) => Number.isFinite(value))).toBe(
        true,
      );
    }
  });

  it("[PR33] of a large base allocates for that base and no more", () => {
    const large = parameterSetOf([
      { name: "w", dims: [1_000_000], data: new Float32Array(1_000_000) },
    ]);
    const before = process.memoryUsage().arrayBuffers;
    const outcome = decodeDelta(wire([{ index: 0, scale: 1 }], new Uint8Array(90_000_000)), large);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(120_000_000);
    expect(outcome.ok).toBe(false);
  });
});

describe("a delta of our own", () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3.4e38])(
    "[PR30] with %f in it throws a Defect instead of being sent",
    (value) => {
      expect(() => encodeDelta([{ index: 0, values: Float32Array.of(0, value) }])).toThrowError(
        expect.objectContaining({ name: "Defect", code: "delta.not_finite" }),
      );
    },
  );
});
