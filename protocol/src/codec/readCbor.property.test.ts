import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { grammarBytes, nearGrammarBytes, readByGrammar } from "../../test/cborGrammar.ts";
import { readCbor } from "./readCbor.ts";

describe("the reader", () => {
  it.each([
    ["what the grammar makes", grammarBytes],
    ["what is nearly that", nearGrammarBytes],
    ["anything", fc.uint8Array({ maxLength: 24 })],
  ])("[PR6] accepts of %s what the grammar has, and reads what it says", (_, someBytes) => {
    let accepted = 0;
    fc.assert(
      fc.property(someBytes, (bytes) => {
        const expected = readByGrammar(bytes);
        const read = readCbor(bytes, Number.POSITIVE_INFINITY);
        expect("value" in read).toBe(expected !== undefined);
        if (!("value" in read) || expected === undefined) return;
        accepted += 1;
        // Not toStrictEqual, which takes a key `constructor` for the value's class.
        expect(isDeepStrictEqual(read.value, expected.value)).toBe(true);
      }),
      { numRuns: 2000 },
    );
    // A property about nothing would hold as well.
    expect(accepted).toBeGreaterThan(20);
  });

  it("[PR6] leaves the caller's array as it was", () => {
    const bytes = Uint8Array.of(0x41, 0x07);
    readCbor(bytes, 1);
    expect(Object.keys(bytes)).toStrictEqual(["0", "1"]);
  });
});
