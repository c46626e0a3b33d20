// Hashes and signatures in plain JavaScript, for browsers and for tests. With `portableHashing` the owner of @noble.
import { etc, getPublicKey, hashes, Point, sign } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import { type Cryptography, isStrongPoint } from "./cryptography.ts";
import { portableHashing } from "./portableHashing.ts";

// The library takes its hash by assignment; it is set once, here, to a pure function.
hashes.sha512 = sha512;

const littleEndian = (bytes: Uint8Array): bigint =>
  BigInt(`0x${etc.bytesToHex(new Uint8Array(bytes).reverse())}`);

/** {@link Cryptography} that runs wherever JavaScript does; about 1 ms a verification. */
export const portableCryptography: Cryptography = {
  ...portableHashing,
  sign: (secretKey, message) => sign(message, secretKey),
  // The library's own verification multiplies by the cofactor and so accepts signatures that OpenSSL refuses.
  verify: (publicKey, message, signature) => {
    if (signature.length !== 64) return false;
    const encodedR = signature.subarray(0, 32);
    if (!isStrongPoint(publicKey) || !isStrongPoint(encodedR)) return false;
    try {
      const key = Point.fromBytes(publicKey);
      // Throws when S is not below the order of the group.
      const base = Point.BASE.multiply(littleEndian(signature.subarray(32)), false);
      const challenge = littleEndian(sha512(etc.concatBytes(encodedR, publicKey, message)));
      const order = Point.CURVE().n;
      const point = base.subtract(key.multiply(etc.mod(challenge, order), false)).toBytes();
      return point.every((byte, index) => byte === encodedR[index]);
    } catch {
      return false;
    }
  },
  keyPair: (seed) => ({ publicKey: getPublicKey(seed), secretKey: new Uint8Array(seed) }),
};
