// Hashes and signatures in plain JavaScript, for browsers without Ed25519 in WebCrypto and for tests. Sole owner of @noble.
import { getPublicKey, hashes, sign, verify } from "@noble/ed25519";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import type { Cryptography } from "./cryptography.ts";

// The library takes its hash by assignment; it is set once, here, to a pure function.
hashes.sha512 = sha512;

/** {@link Cryptography} that runs wherever JavaScript does; about 1 ms a verification. */
export const portableCryptography: Cryptography = {
  sha256: (bytes) => sha256(bytes),
  sign: (secretKey, message) => sign(message, secretKey),
  verify: (publicKey, message, signature) => {
    try {
      return verify(signature, message, publicKey, { zip215: false });
    } catch {
      return false;
    }
  },
  keyPair: (seed) => ({ publicKey: getPublicKey(seed), secretKey: seed.slice() }),
};
