// Which keys a fleet trusts, and for what. Each version is signed by the one before it.
import * as z from "zod/mini";
import type { MessageType } from "../codec/message.ts";
import { toHex } from "../crypto/cryptography.ts";
import { type FleetId, fleetIdSchema } from "../ids.ts";
import { TRUST_ROOT_KEYS_MAX } from "../limits.ts";
import type { EpochMs } from "../units.ts";
import { epochMsSchema, publicKeySchema } from "./fields.ts";

/**
 * - `release`: says which artifacts exist; kept away from the hub
 * - `hub`: chooses among them, all day, online
 */
export type KeyRole = "release" | "hub";

/** One trusted key. */
export interface TrustedKey {
  readonly publicKey: Uint8Array;
  readonly role: KeyRole;
}

/** A version of the trust root. */
export interface TrustRoot {
  readonly fleet: FleetId;
  /** Only rises. */
  readonly version: number;
  readonly keys: readonly TrustedKey[];
  /** How many different release keys must sign a release record or the next trust root. */
  readonly releaseThreshold: number;
  /** Made by a demo: refused by devices whose hub is not on loopback. */
  readonly isDemo: boolean;
  readonly issuedAtMs: EpochMs;
  readonly expiresAtMs: EpochMs;
}

export const trustRootMessage: MessageType<TrustRoot> = {
  kind: "trustRoot",
  schema: z
    .object({
      fleet: fleetIdSchema,
      version: z.int().check(z.minimum(1)),
      keys: z
        .array(z.object({ publicKey: publicKeySchema, role: z.enum(["release", "hub"]) }))
        .check(z.minLength(2), z.maxLength(TRUST_ROOT_KEYS_MAX)),
      releaseThreshold: z.int().check(z.minimum(1)),
      isDemo: z.boolean(),
      issuedAtMs: epochMsSchema,
      expiresAtMs: epochMsSchema,
    })
    .check(
      z.refine(
        ({ keys, releaseThreshold }) =>
          keys.filter(({ role }) => role === "release").length >= releaseThreshold,
        { message: "has fewer release keys than its threshold" },
      ),
      z.refine(({ keys }) => keys.some(({ role }) => role === "hub"), {
        message: "has no hub key",
      }),
      z.refine(
        ({ keys }) => new Set(keys.map(({ publicKey }) => toHex(publicKey))).size === keys.length,
        {
          // One key in two roles would undo their separation; twice in one role it would weaken the threshold.
          message: "names a key twice",
        },
      ),
      z.refine(({ issuedAtMs, expiresAtMs }) => issuedAtMs < expiresAtMs, {
        message: "expires before it is issued",
      }),
    ),
};
