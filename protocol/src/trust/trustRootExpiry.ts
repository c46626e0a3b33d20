// Whether a trust root is too old. It must not verify anything.
import type { TrustRoot } from "../messages/trustRoot.ts";
import type { EpochMs } from "../units.ts";

/** Whether a trust root is past its expiry. Where no trusted clock exists, as on devices, this only warns. */
export function isTrustRootExpired(root: TrustRoot, nowMs: EpochMs): boolean {
  return nowMs >= root.expiresAtMs;
}
