import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { unwrap } from "../errors.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";

const hasNoMark = (text: string): boolean => !text.startsWith("\ufeff");
const key = fc
  .string({ unit: "grapheme" })
  .filter((text) => text !== "__proto__" && hasNoMark(text));
const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.double().map((number) => (number === 0 ? 0 : number)),
  fc.string({ unit: "grapheme", maxLength: 120 }).filter(hasNoMark),
  fc.uint8Array({ maxLength: 40 }),
  fc.float32Array({ maxLength: 6 }),
  fc.int16Array({ maxLength: 6 }),
);
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, leaf, tie("array"), tie("object")),
  array: fc.array(tie("value"), { maxLength: 5 }),
  object: fc
    .array(fc.tuple(key, tie("value")), { maxLength: 5 })
    .map((entries) => Object.fromEntries(entries)),
}));

describe("round trip", () => {
  it("[PR7] gives every value back, bit for bit, NaN included", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        expect(unwrap(decodeCbor(encodeCbor(value)))).toStrictEqual(value);
      }),
    );
  });
});

describe("anything", () => {
  it("[PR6] is decoded or refused, never thrown at", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const outcome = decodeCbor(bytes);
        expect(outcome.ok || outcome.refusal.code === "frame.not_decodable").toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it("[PR6] that is a valid value cut short is refused", () => {
    fc.assert(
      fc.property(anyValue, fc.nat(), (value, at) => {
        const bytes = encodeCbor(value);
        expect(decodeCbor(bytes.subarray(0, at % bytes.length)).ok).toBe(false);
      }),
    );
  });
});
