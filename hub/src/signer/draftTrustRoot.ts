// Writes a fleet's trust root: which keys say what exists, and which one chooses. Pure; keys and time come from outside.
import {
  type Cryptography,
  type EpochMs,
  encodeMessage,
  type FleetId,
  type KeyPair,
  type TrustRoot,
  trustRootMessage,
} from "@attune/protocol";

/** What a first trust root is made of. */
export interface TrustRootDraft {
  readonly fleet: FleetId;
  readonly releaseKeys: readonly KeyPair[];
  readonly hubPublicKey: Uint8Array;
  /** 1 to the number of release keys. */
  readonly releaseThreshold: number;
  readonly isDemo: boolean;
  readonly issuedAtMs: EpochMs;
  readonly validDays: number;
}

const DAY_MS = 86_400_000;

/**
 * The first trust root of a fleet, signed by every release key that it names, so that each key is proven to be held.
 *
 * @returns the exact bytes whose digest becomes the fingerprint in enrolment tokens
 */
export function draftTrustRoot(draft: TrustRootDraft, cryptography: Cryptography): Uint8Array {
  const root: TrustRoot = {
    fleet: draft.fleet,
    version: 1,
    keys: [
      ...draft.releaseKeys.map(({ publicKey }) => ({ publicKey, role: "release" as const })),
      { publicKey: draft.hubPublicKey, role: "hub" },
    ],
    releaseThreshold: draft.releaseThreshold,
    isDemo: draft.isDemo,
    issuedAtMs: draft.issuedAtMs,
    expiresAtMs: (draft.issuedAtMs + draft.validDays * DAY_MS) as EpochMs,
  };
  return encodeMessage(trustRootMessage, root, draft.releaseKeys, cryptography);
}
