// Random numbers that are a function of a seed and a counter, so that whoever keeps both goes on to the bit. Not for secrets.

/**
 * The `index`-th number of a seed's sequence, `[0, 2^32)`.
 *
 * @see Appleby 2011, MurmurHash3 (its 32-bit finalizer), over a Weyl sequence.
 */
export function counterDraw(seed: number, index: number): number {
  let bits = (seed + Math.imul(index, 0x9e3779b9)) | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
