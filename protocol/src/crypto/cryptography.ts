// The port for hashes and signatures. Implementations: `portableCryptography` (anywhere), `nodeCryptography` (Node's own, faster).
import type { Digest, KeyId } from "../ids.ts";

/** An Ed25519 key pair; the secret key is the 32-byte seed of RFC 8032. */
export interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

/** Hashes that may take their time, as a browser's own do: all that a device without a hub needs. Every {@link Hashing} is one. */
export interface LaterHashing {
  /** SHA-256; 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** Hashes alone, at once. Implementation for anywhere: `portableHashing`. */
export interface Hashing {
  /** SHA-256; 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array;
}

/**
 * Hashes and Ed25519 signatures, synchronous, so that results never arrive out of order.
 *
 * - Verification is RFC 8032's in its strictest form, so that every implementation accepts the same signatures: the public key A
 *   and R are {@link isStrongPoint}s, `S < L`, and `[S]B = R + [k]A` holds **without** multiplying by the cofactor.
 * - No randomness inside: keys are made from a seed that the caller draws.
 */
export interface Cryptography extends Hashing {
  /** Ed25519; 64 bytes. */
  sign(secretKey: Uint8Array, message: Uint8Array): Uint8Array;
  /** False for a wrong signature as for a malformed key or signature; never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Key pair of a 32-byte seed. */
  keyPair(seed: Uint8Array): KeyPair;
}

/**
 * The y coordinates of the eight points of small order, little endian, without the sign bit: 0 (order 4), 1 (order 1), -1 (order 2)
 * and the two of order 8. Under such a key a signature fits many messages.
 */
const smallOrderY: readonly string[] = [
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  `ec${"ff".repeat(30)}7f`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
];

/**
 * Whether 32 bytes can be a public key, or the R of a signature, at all: y is below 2^255 - 19 and the point is not of small
 * order. It may still be no point of the curve; then nothing verifies with it.
 *
 * @example
 * isStrongPoint(new Uint8Array(32)); // => false
 * @see Chalkias et al. 2020, "Taming the many EdDSAs", section 3
 */
export function isStrongPoint(encoded: Uint8Array): boolean {
  if (encoded.length !== 32) return false;
  // A copy also of a Buffer, whose slice would share its bytes.
  const y = new Uint8Array(encoded);
  y[31] = (y[31] ?? 0) & 0x7f;
  // 2^255 - 19 is ed ff .. ff 7f: a larger y has every byte above the first at its maximum.
  const isReduced =
    (y[0] ?? 0) < 0xed || y[31] !== 0x7f || !y.subarray(1, 31).every((byte) => byte === 0xff);
  return isReduced && !smallOrderY.includes(toHex(y));
}

/**
 * Lower-case hexadecimal of bytes.
 *
 * @example
 * toHex(Uint8Array.of(1, 171)); // => "01ab"
 */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}

/**
 * SHA-256 of exact bytes, as a {@link Digest}.
 *
 * @example
 * digestOf(portableHashing, new Uint8Array()).slice(0, 8); // => "e3b0c442"
 */
export function digestOf(hashing: Hashing, bytes: Uint8Array): Digest {
  return toHex(hashing.sha256(bytes)) as Digest;
}

/** {@link digestOf} by hashes that may take their time. */
export async function digestLater(hashing: LaterHashing, bytes: Uint8Array): Promise<Digest> {
  return toHex(await hashing.sha256(bytes)) as Digest;
}

/** First 8 bytes of the SHA-256 of a public key, in hexadecimal. */
export function keyIdOf(hashing: Hashing, publicKey: Uint8Array): KeyId {
  return toHex(hashing.sha256(publicKey).subarray(0, 8)) as KeyId;
}
