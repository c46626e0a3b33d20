// Who is believed: trust roots and their succession, keys by role, enrolment tokens. Pure; no keys are kept here.
import { decodeMessage, type TrustedKeys, verifySignatures } from "../codec/message.ts";
import { type Cryptography, digestOf, keyIdOf } from "../crypto/cryptography.ts";
import { accept, type Outcome, refuse } from "../errors.ts";
import { type Digest, digestSchema, type FleetId, fleetIdSchema } from "../ids.ts";
import { type KeyRole, type TrustRoot, trustRootMessage } from "../messages/trustRoot.ts";
import type { EpochMs } from "../units.ts";

/**
 * The keys of one role, by id.
 *
 * @param role a key serves one role only: a decision signed with a release key is refused like any other wrong key
 */
export function keysOfRole(
  root: TrustRoot,
  role: KeyRole,
  cryptography: Cryptography,
): TrustedKeys {
  return new Map(
    root.keys
      .filter((key) => key.role === role)
      .map((key) => [keyIdOf(cryptography, key.publicKey), key.publicKey]),
  );
}

const verifyOwnSignatures = (bytes: Uint8Array, cryptography: Cryptography): Outcome<TrustRoot> => {
  const message = decodeMessage(trustRootMessage, bytes);
  if (!message.ok) return message;
  const { value, frame } = message.value;
  const signed = verifySignatures(
    frame,
    keysOfRole(value, "release", cryptography),
    value.releaseThreshold,
    cryptography,
  );
  return signed.ok ? accept(value) : signed;
};

/**
 * Accepts the first trust root that a device sees, because its digest is the fingerprint in the enrolment token.
 *
 * @param isLoopback whether the hub is on this machine; a demo root is refused elsewhere
 * @returns `trust.root_mismatch`, `trust.demo_key_forbidden`, or a refusal of its frame or signatures
 */
export function acceptFirstTrustRoot(
  bytes: Uint8Array,
  fingerprint: Digest,
  isLoopback: boolean,
  cryptography: Cryptography,
): Outcome<TrustRoot> {
  if (digestOf(cryptography, bytes) !== fingerprint) {
    return refuse(
      "trust.root_mismatch",
      "the hub's trust root is not the one that the enrolment token names; ask the operator for a new token",
    );
  }
  const root = verifyOwnSignatures(bytes, cryptography);
  if (!root.ok) return root;
  if (root.value.isDemo && !isLoopback) {
    return refuse(
      "trust.demo_key_forbidden",
      "this trust root was made by a demo and is for hubs on loopback only; create keys with: attune signer init",
    );
  }
  return root;
}

/**
 * Accepts the successor of a trust root: the next version, signed by a threshold of the release keys of **both**.
 *
 * @returns the new root, or the current one unchanged when the bytes are the current version's
 */
export function acceptNextTrustRoot(
  current: TrustRoot,
  bytes: Uint8Array,
  cryptography: Cryptography,
): Outcome<TrustRoot> {
  const next = verifyOwnSignatures(bytes, cryptography);
  if (!next.ok) return next;
  if (next.value.fleet !== current.fleet || next.value.isDemo !== current.isDemo) {
    return refuse("trust.root_mismatch", `trust root is of another fleet than ${current.fleet}`);
  }
  if (next.value.version !== current.version + 1) {
    return refuse(
      "trust.root_version_replayed",
      `trust root has version ${next.value.version}, only ${current.version + 1} may follow ${current.version}`,
    );
  }
  const message = decodeMessage(trustRootMessage, bytes);
  if (!message.ok) return message;
  const signed = verifySignatures(
    message.value.frame,
    keysOfRole(current, "release", cryptography),
    current.releaseThreshold,
    cryptography,
  );
  return signed.ok ? next : signed;
}

/** Whether a trust root is past its expiry; where no trusted clock exists this only warns. */
export function isTrustRootExpired(root: TrustRoot, nowMs: EpochMs): boolean {
  return nowMs >= root.expiresAtMs;
}

/** What an operator hands to a device: where it belongs, a secret, and whom to believe. */
export interface EnrolmentToken {
  readonly fleet: FleetId;
  readonly secret: string;
  /** Digest of the trust root's frame. */
  readonly fingerprint: Digest;
}

/**
 * One line of text for an {@link EnrolmentToken}.
 *
 * @example
 * formatEnrolmentToken({ fleet: "home" as FleetId, secret: "s".repeat(16), fingerprint: "0".repeat(64) as Digest }).split(".").length; // => 3
 */
export function formatEnrolmentToken(token: EnrolmentToken): string {
  return `${token.fleet}.${token.secret}.${token.fingerprint}`;
}

/**
 * Reads an enrolment token that a person pasted.
 *
 * @returns `enrolment.token_invalid` when it is not one
 * @example
 * parseEnrolmentToken("hello").ok; // => false
 */
export function parseEnrolmentToken(text: string): Outcome<EnrolmentToken> {
  const [fleet, secret, fingerprint, ...rest] = text.trim().split(".");
  const parsedFleet = fleetIdSchema.safeParse(fleet);
  const parsedFingerprint = digestSchema.safeParse(fingerprint);
  if (
    !parsedFleet.success ||
    !parsedFingerprint.success ||
    secret === undefined ||
    !/^[A-Za-z0-9_-]{16,128}$/.test(secret) ||
    rest.length > 0
  ) {
    return refuse(
      "enrolment.token_invalid",
      "this is not an enrolment token (fleet.secret.fingerprint); make one with: attune device token",
    );
  }
  return accept({ fleet: parsedFleet.data, secret, fingerprint: parsedFingerprint.data });
}
