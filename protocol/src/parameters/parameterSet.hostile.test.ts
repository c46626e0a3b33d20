// Parameter blobs that nobody honest would make.
import { describe, expect, it } from "vitest";
import { decodeParameters, encodeParameters, parameterSetOf } from "./parameterSet.ts";

const codeOf = (bytes: Uint8Array): string => {
  const outcome = decodeParameters(bytes);
  return outcome.ok ? "" : outcome.refusal.code;
};
const bytesOf = (...parts: readonly string[]): Uint8Array =>
  new Uint8Array(Buffer.from(parts.join(""), "hex"));

describe("parameters from somewhere else", () => {
  it.each<[string, readonly string[]]>([
    ["are nothing", []],
    ["have half a count", ["0100"]],
    ["promise 2^32 - 1 tensors", ["ffffffff"]],
    ["promise 4,097 tensors", ["01100000", "00".repeat(9000)]],
    ["end before a name", ["01000000"]],
    ["end inside a name", ["01000000", "0200", "77"]],
    [
      "have a name of 513 bytes",
      ["01000000", "0102", "77".repeat(513), "00", "000000", "00000000"],
    ],
    ["have a name that is not UTF-8", ["01000000", "0100", "ff", "00", "00000000"]],
    ["have a surrogate in a name", ["01000000", "0300", "eda080", "00", "0000", "00000000"]],
    ["have rank 9", ["01000000", "0100", "77", "09", "01000000".repeat(9), "00000000"]],
    ["end inside a shape", ["01000000", "0100", "77", "01", "0100"]],
    ["have a shape of 2^64 values", ["01000000", "0100", "77", "02", "ffffffff".repeat(2)]],
    ["have a shape of 2^256 values", ["01000000", "0100", "77", "08", "ffffffff".repeat(8)]],
    [
      "have 2^32 x 0 values and then some",
      ["01000000", "0100", "77", "02", "ffffffff00000000", "01"],
    ],
    [
      "have fewer values than they promise",
      ["01000000", "0100", "77", "01", "02000000", "0000803f"],
    ],
    [
      "have more values than they promise",
      ["01000000", "0100", "77", "01", "01000000", "0000803f".repeat(2)],
    ],
    ["are not padded with zeros", ["01000000", "0200", "7777", "00", "000001", "0000803f"]],
    [
      "are in another order",
      ["02000000", "0100", "77", "00", "0100", "76", "00", "0000803f".repeat(2)],
    ],
    [
      "have a name twice",
      ["02000000", "0100", "77", "00", "0100", "77", "00", "0000803f".repeat(2)],
    ],
  ])("[PR27] that %s are delta.not_decodable", (_, parts) => {
    expect(codeOf(bytesOf(...parts))).toBe("delta.not_decodable");
  });

  it.each<[string, string]>([
    ["NaN", "0000c07f"],
    ["a signalling NaN", "0100807f"],
    ["infinity", "0000807f"],
    ["-infinity", "000080ff"],
    ["-0", "00000080"],
  ])("[PR27] that hold %s are delta.not_finite", (_, value) => {
    expect(codeOf(bytesOf("01000000", "0100", "77", "00", value))).toBe("delta.not_finite");
    expect(codeOf(bytesOf("01000000", "0100", "77", "00", "0000803f"))).toBe("");
  });

  it("[PR27] keep two names apart that differ in a byte order mark", () => {
    const set = parameterSetOf([
      { name: "\ufeffw", dims: [], data: Float32Array.of(1) },
      { name: "w", dims: [], data: Float32Array.of(2) },
    ]);
    const read = decodeParameters(encodeParameters(set));
    expect(read.ok && read.value.map(({ name }) => name)).toStrictEqual(["w", "\ufeffw"]);
  });
});
