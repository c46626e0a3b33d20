// Hashes in plain JavaScript, for browsers and for tests. A part of its own: most of a page's work needs no signatures.
import { sha256 } from "@noble/hashes/sha2.js";
import type { Hashing } from "./cryptography.ts";

/** {@link Hashing} that runs wherever JavaScript does. */
export const portableHashing: Hashing = { sha256: (bytes) => sha256(bytes) };
