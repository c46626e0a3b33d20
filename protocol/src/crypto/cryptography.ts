// The port for hashes and signatures. Implementations: `portableCryptography` (anywhere), `nodeCryptography` (Node's own, faster).
import type { Digest, KeyId } from "../ids.ts";

/** An Ed25519 key pair; the secret key is the 32-byte seed of RFC 8032. */
export interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

/**
 * Hashes and Ed25519 signatures, synchronous, so that results never arrive out of order.
 *
 * - Verification follows RFC 8032 strictly (no ZIP-215 leniency): every implementation refuses the same signatures.
 * - No randomness inside: keys are made from a seed that the caller draws.
 */
export interface Cryptography {
  /** SHA-256; 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array;
  /** Ed25519; 64 bytes. */
  sign(secretKey: Uint8Array, message: Uint8Array): Uint8Array;
  /** False for a wrong signature as for a malformed key or signature; never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Key pair of a 32-byte seed. */
  keyPair(seed: Uint8Array): KeyPair;
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
 * digestOf(portableCryptography, new Uint8Array()).slice(0, 8); // => "e3b0c442"
 */
export function digestOf(cryptography: Cryptography, bytes: Uint8Array): Digest {
  return toHex(cryptography.sha256(bytes)) as Digest;
}

/** First 8 bytes of the SHA-256 of a public key, in hexadecimal. */
export function keyIdOf(cryptography: Cryptography, publicKey: Uint8Array): KeyId {
  return toHex(cryptography.sha256(publicKey).subarray(0, 8)) as KeyId;
}
