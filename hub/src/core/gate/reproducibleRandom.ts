// Random draws that anybody can draw again: a gate's bootstrap must give the same verdict to whoever checks it later.
import type { Cryptography } from "@attune/protocol";
import type { Random } from "../../ports/random.ts";

/** Words of SHA-256(seed, counter): the same seed gives the same draws, for ever. Not for secrets. */
export function createReproducibleRandom(seed: string, cryptography: Cryptography): Random {
  const encoder = new TextEncoder();
  let block: DataView = new DataView(new ArrayBuffer(0));
  let blockCount = 0;
  let at = 0;
  return {
    nextUint32() {
      if (at >= block.byteLength) {
        const bytes = cryptography.sha256(
          encoder.encode(`attune/v1/bootstrap\0${seed}\0${blockCount}`),
        );
        block = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        blockCount += 1;
        at = 0;
      }
      const word = block.getUint32(at);
      at += 4;
      return word;
    },
  };
}
