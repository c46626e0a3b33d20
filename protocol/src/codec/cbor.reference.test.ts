// The codec against cbor-x 1.6.8, which wrote what devices and hubs of before keep.
import { Encoder } from "cbor-x/index-no-eval";
import fc from "fast-check";
import { expect, it } from "vitest";
import { unwrap } from "../errors.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";

// Its types do not know every option.
const options = {
  useRecords: false,
  mapsAsObjects: true,
  tagUint8Array: false,
  variableMapSize: true,
  int64AsNumber: true,
};
const cborX = new Encoder(options);

const isWritable = (text: string): boolean => !text.startsWith("\ufeff") && text !== "__proto__";
const text = fc.string({ unit: "grapheme", maxLength: 120 }).filter(isWritable);
const number = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -(2 ** 32), max: 2 ** 32 - 1 }),
  fc.integer({ min: -300, max: 300 }),
  fc.double().map((one) => (one === 0 ? 0 : one)),
);
const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  number,
  text,
  fc.uint8Array({ maxLength: 300 }),
  fc.uint32Array({ maxLength: 6 }),
  fc.float32Array({ maxLength: 6 }),
  fc.float64Array({ maxLength: 6 }),
  fc.bigInt64Array({ maxLength: 3 }),
);
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, leaf, tie("array"), tie("object")),
  array: fc.array(tie("value"), { maxLength: 30 }),
  object: fc
    .array(fc.tuple(text, tie("value")), { maxLength: 30 })
    .map((entries) => Object.fromEntries(entries)),
}));

it("[PR7] writes byte for byte what cbor-x writes, and each reads the other's", () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const bytes = encodeCbor(value);
      const theirs = new Uint8Array(cborX.encode(value));
      expect(bytes).toStrictEqual(theirs);
      expect(unwrap(decodeCbor(theirs))).toStrictEqual(value);
      expect(cborX.decode(bytes)).toStrictEqual(value);
    }),
    { numRuns: 1000 },
  );
});
