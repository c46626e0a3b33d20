// The source of randomness that a caller hands in; the same shape as the device runtime's port.

/** Where uniform bits come from. One instance has one owner; drawing changes it. */
export interface Random {
  /** The next integer in `[0, 2^32)`, every value equally likely. */
  nextUint32(): number;
}

/** Random bytes; for keys and secrets hand in a cryptographic source. */
export function randomBytes(random: Random, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count; at += 4) {
    const word = random.nextUint32();
    for (let byte = 0; byte < 4 && at + byte < count; byte += 1) {
      bytes[at + byte] = (word >>> (8 * byte)) & 0xff;
    }
  }
  return bytes;
}
