// The checksum of stored frames. It must not be used against anyone who wants to deceive: it only finds accidents.

/** Castagnoli polynomial, bits reversed. */
const polynomial = 0x82f63b78;

/** CRC of every byte; never written after this line. */
const table: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) * polynomial);
  return crc;
});

/**
 * CRC-32C of `bytes`.
 *
 * - Range: an unsigned 32-bit integer. Pure, O(n), about 2 ns a byte.
 *
 * @param previous the CRC of what came before, to go on from; 0 at the start.
 * @example
 * crc32c(new TextEncoder().encode("123456789")).toString(16); // => "e3069283"
 * @see RFC 3720, section 12.1 and appendix B.4.
 */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous;
  for (let index = 0; index < bytes.length; index++) {
    crc = (table[(crc ^ (bytes[index] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
