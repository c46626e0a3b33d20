// The machine's cryptographic randomness. It must not be used in core or in a test.
import { randomFillSync } from "node:crypto";
import type { Random } from "../../ports/random.ts";

/** Creates a source of unpredictable bits, drawn from the machine 256 words at a time. */
export function createSystemRandom(): Random {
  const words = new Uint32Array(256);
  let next = words.length;
  return {
    nextUint32() {
      if (next === words.length) {
        randomFillSync(words);
        next = 0;
      }
      const word = words[next] as number;
      next += 1;
      return word;
    },
  };
}
