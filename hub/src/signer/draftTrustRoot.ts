// Writes a fleet's trust roots, the first and the next: which keys say what exists, and which one chooses. Pure; keys and time come from outside.
import {
  accept,
  acceptNextTrustRoot,
  type Cryptography,
  type EpochMs,
  encodeMessage,
  type FleetId,
  FRAME_SIGNATURES_MAX,
  type KeyId,
  type KeyPair,
  keyIdOf,
  type Outcome,
  type TrustedKey,
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

/** Release keys of a root that is made here: a rotation signs with as many old and as many new ones, and a frame holds 8. */
export const RELEASE_KEYS_MAX = 4;

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

/** What the next trust root is made of. */
export interface NextTrustRootDraft {
  readonly current: TrustRoot;
  /** Release keys of the current one that go. */
  readonly replaced: ReadonlySet<KeyId>;
  /** Release keys that come. */
  readonly fresh: readonly KeyPair[];
  /** Every release key at hand, also those of still older roots. */
  readonly held: readonly KeyPair[];
  readonly hubPublicKeys: readonly Uint8Array[];
  readonly releaseThreshold: number;
  readonly issuedAtMs: EpochMs;
  readonly validDays: number;
}

/**
 * The next trust root of a fleet. The new release keys sign it and those of the current one; what place is left in the frame is
 * for keys of older ones, so that devices which slept through a version, and tokens that name one, find their way.
 *
 * @returns its bytes and its value, or `signature.threshold_unmet` when not enough keys are at hand
 */
export function draftNextTrustRoot(
  draft: NextTrustRootDraft,
  cryptography: Cryptography,
): Outcome<{ readonly frame: Uint8Array; readonly root: TrustRoot }> {
  const { current, fresh, held } = draft;
  const keyId = ({ publicKey }: Pick<TrustedKey, "publicKey">): KeyId =>
    keyIdOf(cryptography, publicKey);
  const before = current.keys.filter(({ role }) => role === "release");
  const kept = before.filter((key) => !draft.replaced.has(keyId(key)));
  const root: TrustRoot = {
    ...current,
    version: current.version + 1,
    keys: [
      ...[...kept, ...fresh].map(({ publicKey }) => ({ publicKey, role: "release" as const })),
      ...draft.hubPublicKeys.map((publicKey) => ({ publicKey, role: "hub" as const })),
    ],
    releaseThreshold: draft.releaseThreshold,
    issuedAtMs: draft.issuedAtMs,
    expiresAtMs: (draft.issuedAtMs + draft.validDays * DAY_MS) as EpochMs,
  };
  const idsBefore = new Set(before.map(keyId));
  const idsKept = new Set(kept.map(keyId));
  const leaving = held.filter((key) => idsBefore.has(keyId(key)) && !idsKept.has(keyId(key)));
  const older = held.filter((key) => !idsBefore.has(keyId(key)));
  const signers = [
    ...fresh,
    ...held.filter((key) => idsKept.has(keyId(key))),
    ...leaving.slice(0, current.releaseThreshold),
    ...older,
    ...leaving.slice(current.releaseThreshold),
  ].slice(0, FRAME_SIGNATURES_MAX);
  const frame = encodeMessage(trustRootMessage, root, signers, cryptography);
  const accepted = acceptNextTrustRoot(current, frame, cryptography);
  return accepted.ok ? accept({ frame, root: accepted.value }) : accepted;
}
