import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { finite, tensors } from "../../test/arbitraryParameters.ts";
import { unwrap } from "../errors.ts";
import { decodeParameters, encodeParameters, parameterSetOf } from "./parameterSet.ts";

describe("a parameter set", () => {
  it("[PR25] is the same whatever order its tensors came in", () => {
    const inTwoOrders = tensors(finite).chain((some) =>
      fc.tuple(fc.constant(some), fc.shuffledSubarray(some, { minLength: some.length })),
    );
    fc.assert(
      fc.property(inTwoOrders, ([some, shuffled]) => {
        expect(encodeParameters(parameterSetOf(shuffled))).toStrictEqual(
          encodeParameters(parameterSetOf(some)),
        );
      }),
    );
  });

  it("[PR26] comes back from its bytes, bit for bit", () => {
    fc.assert(
      fc.property(tensors(finite), (some) => {
        const set = parameterSetOf(some);
        const bytes = encodeParameters(set);
        const read = unwrap(decodeParameters(bytes));
        expect(read).toStrictEqual(set);
        expect(encodeParameters(read)).toStrictEqual(bytes);
      }),
    );
  });

  it("[PR27] has one form in bytes: whatever decodes encodes to the same bytes", () => {
    fc.assert(
      fc.property(tensors(finite), fc.nat(), fc.nat({ max: 255 }), (some, at, byte) => {
        const bytes = encodeParameters(parameterSetOf(some));
        bytes[at % bytes.length] = byte;
        const read = decodeParameters(bytes);
        expect(read.ok ? encodeParameters(read.value) : bytes).toStrictEqual(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  it("[PR26] is refused, never thrown at, from any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat({ max: 3 }), (noise, count) => {
        const bytes = new Uint8Array([count, 0, 0, 0, ...noise]);
        const read = decodeParameters(bytes);
        expect(read.ok || /^delta\.not_(?:decodable|finite)$/.test(read.refusal.code)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
