import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plainText } from "./plainText.ts";

describe("text for people", () => {
  it.each<[string, string, string]>([
    ["terminal escapes", "\u001b[2J\u001b[31mred", " [2J [31mred"],
    ["line ends", "two\r\nlines", "two lines"],
    ["controls", "a\u0000b\u007fc\u009b1md", "a b c 1md"],
    ["what turns text around", "\u202egpj.exe\u2069\u200fx", " gpj.exe x"],
    ["separators", "a\u2028b\u2029c", "a b c"],
    ["half a surrogate pair", "half \ud83d", "half \ufffd"],
  ])("[PR10] %s become a space or are replaced", (_, text, expected) => {
    expect(plainText(text, 100)).toBe(expected);
  });

  it("[PR10] leaves every language as it is", () => {
    const text = "ไทย, العربية, 👩‍🔬, e\u0301";
    expect(plainText(text, 100)).toBe(text);
  });

  it("[PR10] is cut to its length, never inside a character", () => {
    expect(plainText("abcdef", 6)).toBe("abcdef");
    expect(plainText("abcdefg", 6)).toBe("abcde…");
    expect(plainText("abcd🙂efg", 6)).toBe("abcd…");
    expect(plainText("ab", 1)).toBe("…");
  });

  it("[PR10] is short, plain, and the same when it is cleaned again", () => {
    const unit = fc.oneof(fc.nat({ max: 0xff }), fc.nat({ max: 0xffff }));
    const anything = fc
      .array(unit, { maxLength: 40 })
      .map((units) => String.fromCharCode(...units));
    fc.assert(
      fc.property(anything, fc.integer({ min: 1, max: 30 }), (text, lengthMax) => {
        const plain = plainText(text, lengthMax);
        expect(plain.length).toBeLessThanOrEqual(lengthMax);
        expect(plain.isWellFormed()).toBe(true);
        expect(plain).not.toMatch(/\p{Cc}/u);
        expect(plainText(plain, lengthMax)).toBe(plain);
      }),
    );
  });
});
