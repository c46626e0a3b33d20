import { isDeepStrictEqual } from "node:util";
import { setSizeLimits } from "cbor-x/index-no-eval";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { grammarBytes, nearGrammarBytes, readByGrammar } from "../../test/cborGrammar.ts";
import { decodeCbor } from "./cbor.ts";
import { checkCbor } from "./checkCbor.ts";

describe("the check and cbor-x", () => {
  it.each([
    ["what the grammar makes", grammarBytes],
    ["what is nearly that", nearGrammarBytes],
    ["anything", fc.uint8Array({ maxLength: 24 })],
  ])("[PR6] accept of %s what the grammar has, and read what it says", (_, someBytes) => {
    let accepted = 0;
    fc.assert(
      fc.property(someBytes, (bytes) => {
        const expected = readByGrammar(bytes);
        expect(checkCbor(bytes, Number.POSITIVE_INFINITY) === undefined).toBe(
          expected !== undefined,
        );
        const decoded = decodeCbor(bytes);
        expect(decoded.ok).toBe(expected !== undefined);
        if (!decoded.ok || expected === undefined) return;
        accepted += 1;
        // Not toStrictEqual, which takes a key `constructor` for the value's class.
        expect(isDeepStrictEqual(decoded.value, expected.value)).toBe(true);
      }),
      { numRuns: 2000 },
    );
    // A property about nothing would hold as well.
    expect(accepted).toBeGreaterThan(20);
  });

  it("[PR6] leave the caller's array as it was", () => {
    const bytes = Uint8Array.of(0x41, 0x07);
    decodeCbor(bytes);
    expect(Object.keys(bytes)).toStrictEqual(["0", "1"]);
  });
});

describe("limits of cbor-x, which a process has once", () => {
  afterEach(() => setSizeLimits({ maxArraySize: 112_810_000 }));

  it("are no reason to throw when another part of the program lowers them", () => {
    setSizeLimits({ maxArraySize: 1 });
    expect(decodeCbor(Uint8Array.of(0x82, 1, 2))).toMatchObject({
      ok: false,
      refusal: { code: "frame.not_decodable" },
    });
  });
});
