// Hashes by what the platform has itself. Where it has nothing, plain JavaScript loads for it. It must not keep what it hashes.
import type { LaterHashing } from "@attune/protocol";
import { laterCode } from "./laterCode.ts";

/** SHA-256 of the platform's Web Crypto, which browsers have on pages that came by https or from their own machine. */
export const platformHashing: LaterHashing = {
  async sha256(bytes) {
    const { subtle } = globalThis.crypto as { readonly subtle?: SubtleCrypto };
    if (subtle === undefined) {
      const { sha256 } = await laterCode("what hashes", () => import("./plainHash.ts"));
      return sha256(bytes);
    }
    return new Uint8Array(await subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
  },
};
