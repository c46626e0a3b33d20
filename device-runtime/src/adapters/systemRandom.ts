// Randomness from the platform's cryptographic generator, for seeds and ids. It must not be used where a run has to replay.
import type { Random } from "../ports/random.ts";

/** Words asked from the platform at a time: one call costs about as much as sixty-four words. */
const blockWordCount = 64;

/**
 * Creates a source of randomness that nobody can predict or repeat.
 *
 * @example
 * createSystemRandom().nextUint32() < 2 ** 32; // => true
 */
export function createSystemRandom(): Random {
  const block = new Uint32Array(blockWordCount);
  let next = blockWordCount;
  return {
    nextUint32() {
      if (next === blockWordCount) {
        globalThis.crypto.getRandomValues(block);
        next = 0;
      }
      const word = block[next] as number;
      // What was handed out is not kept.
      block[next++] = 0;
      return word;
    },
  };
}
