// SHA-256 in plain JavaScript, for platforms without one of their own. A file of its own, so that it loads only there.
import { portableHashing } from "@attune/protocol";

/** SHA-256; 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return portableHashing.sha256(bytes);
}
