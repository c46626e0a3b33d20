// Stops a stream of MQTT packets at the first one that promises too many bytes, before anything is buffered.
// It must not know what a packet says.
import { Transform, type TransformCallback } from "node:stream";

/**
 * Passes MQTT bytes through and fails with an error at a packet whose remaining length is above `bytesMax`.
 *
 * The broker's parser would gather up to 256 MB for one packet of a client that nobody knows yet.
 *
 * @see MQTT 3.1.1, section 2.2.3 (remaining length: 7 bits a byte, at most 4 bytes)
 */
export function createPacketSizeGuard(bytesMax: number): Transform {
  /** Bytes of the current packet's body that are still to come. */
  let bodyLeft = 0;
  /** -1: the next byte is a packet's first; otherwise how many bytes of the length were read. */
  let lengthBytes = -1;
  let length = 0;

  const isTooLarge = (chunk: Uint8Array): boolean => {
    let at = 0;
    while (at < chunk.length) {
      if (bodyLeft > 0) {
        const skipped = Math.min(bodyLeft, chunk.length - at);
        bodyLeft -= skipped;
        at += skipped;
        continue;
      }
      const byte = chunk[at] as number;
      at += 1;
      if (lengthBytes < 0) {
        lengthBytes = 0;
        length = 0;
        continue;
      }
      length += (byte & 0x7f) * 128 ** lengthBytes;
      lengthBytes += 1;
      if (length > bytesMax || lengthBytes > 4) return true;
      if ((byte & 0x80) === 0) {
        bodyLeft = length;
        lengthBytes = -1;
      }
    }
    return false;
  };

  return new Transform({
    transform(chunk: Uint8Array, _encoding, done: TransformCallback) {
      if (isTooLarge(chunk)) done(new Error(`MQTT packet above ${bytesMax} bytes`));
      else done(null, chunk);
    },
  });
}
