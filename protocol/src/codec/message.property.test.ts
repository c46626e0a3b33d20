import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { frameOf, sampleMessages } from "../../test/sampleMessages.ts";
import { keyIdOf } from "../crypto/cryptography.ts";
import { nodeCryptography } from "../crypto/nodeCryptography.ts";
import { decodeMessage, verifySignatures } from "./message.ts";

const samples = sampleMessages.map((sample) => ({
  ...sample,
  frame: frameOf(sample),
  trusted: new Map(
    sample.keys.map(({ publicKey }) => [keyIdOf(nodeCryptography, publicKey), publicKey]),
  ),
}));

/** What a receiver does with bytes: the code of its refusal, or nothing when it believes them. */
const receive = (sample: (typeof samples)[number], bytes: Uint8Array): string | undefined => {
  const message = decodeMessage(sample.type, bytes);
  if (!message.ok) return message.refusal.code;
  const signed = verifySignatures(
    message.value.frame,
    sample.trusted,
    sample.keys.length,
    nodeCryptography,
  );
  return signed.ok ? undefined : signed.refusal.code;
};

const refusal = /^(?:frame|message|signature)\./;

describe("a signed frame", () => {
  it.each(samples.map((sample) => [sample.type.kind, sample] as const))(
    "[PR2] %s is believed whole, and refused when any one bit is another",
    (_, sample) => {
      expect(receive(sample, sample.frame)).toBeUndefined();
      fc.assert(
        fc.property(fc.nat({ max: sample.frame.length * 8 - 1 }), (bit) => {
          const bytes = sample.frame.slice();
          bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          expect(receive(sample, bytes)).toMatch(refusal);
        }),
        { numRuns: 250 },
      );
    },
  );

  it("[PR2] is refused when it is cut, prolonged, or put together from two", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.constantFrom(...samples),
        fc.nat(),
        fc.uint8Array({ maxLength: 4 }),
        (sample, other, cut, tail) => {
          const at = cut % sample.frame.length;
          for (const bytes of [
            sample.frame.subarray(0, at),
            new Uint8Array([...sample.frame, 0, ...tail]),
            new Uint8Array([
              ...sample.frame.subarray(0, at),
              ...other.frame.subarray(at),
              ...tail,
              1,
            ]),
          ]) {
            expect(receive(sample, bytes)).toMatch(refusal);
          }
        },
      ),
    );
  });

  it("[PR2] that is any bytes at all is refused, never thrown at", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.uint8Array({ maxLength: 200 }),
        (sample, noise) => {
          const framed = new Uint8Array([...sample.frame.subarray(0, 4), ...noise]);
          expect(receive(sample, noise)).toMatch(refusal);
          expect(receive(sample, framed)).toMatch(refusal);
        },
      ),
    );
  });
});
