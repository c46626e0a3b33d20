// Who is believed: trust roots and their succession, keys by role, enrolment tokens. Pure; no keys are kept here.
import { encodeCbor } from "../codec/cbor.ts";
import type { Frame } from "../codec/frame.ts";
import { decodeMessage, type TrustedKeys, verifySignatures } from "../codec/message.ts";
import { type Cryptography, digestOf, keyIdOf, toHex } from "../crypto/cryptography.ts";
import { accept, type Outcome, refuse } from "../errors.ts";
import { type Digest, digestSchema, type FleetId, fleetIdSchema, type KeyId } from "../ids.ts";
import { type KeyRole, type TrustRoot, trustRootMessage } from "../messages/trustRoot.ts";
import type { EpochMs } from "../units.ts";
import { isTrustRootExpired } from "./trustRootExpiry.ts";

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

/**
 * Checks that a role of the trust root signed a frame: one of the hub's keys, or a threshold of the release keys.
 *
 * @returns the ids of the keys that signed, `signature.role_forbidden` when only keys of the other role did, or what
 *   {@link verifySignatures} refuses
 */
export function verifyRole(
  frame: Frame,
  root: TrustRoot,
  role: KeyRole,
  cryptography: Cryptography,
): Outcome<readonly KeyId[]> {
  const signed = verifySignatures(
    frame,
    keysOfRole(root, role, cryptography),
    role === "release" ? root.releaseThreshold : 1,
    cryptography,
  );
  if (signed.ok || signed.refusal.code !== "signature.key_unknown") return signed;
  const other = role === "release" ? "hub" : "release";
  return verifySignatures(frame, keysOfRole(root, other, cryptography), 1, cryptography).ok
    ? refuse(
        "signature.role_forbidden",
        `${frame.kind} is signed by a ${other} key; only ${role} keys may sign it`,
      )
    : signed;
}

/**
 * Accepts the first trust root that a device sees, because its digest is the fingerprint in the enrolment token.
 *
 * @param isLoopback whether the hub is on this machine; a demo root is refused elsewhere. Ask again with
 *   {@link checkDemoRoot} whenever the hub's address changes
 * @returns `trust.root_mismatch`, `trust.demo_key_forbidden`, or a refusal of its frame or signatures
 */
export function acceptFirstTrustRoot(
  bytes: Uint8Array,
  fingerprint: Digest,
  isLoopback: boolean,
  cryptography: Cryptography,
): Outcome<TrustRoot> {
  const message = decodeMessage(trustRootMessage, bytes);
  if (!message.ok) return message;
  const { value: root, frame } = message.value;
  if (digestOf(cryptography, bytes) !== fingerprint) {
    return refuse(
      "trust.root_mismatch",
      "the hub's trust root is not the one that the enrolment token names; ask the operator for a new token",
    );
  }
  const signed = verifyRole(frame, root, "release", cryptography);
  return signed.ok ? checkDemoRoot(root, isLoopback) : signed;
}

/**
 * Refuses a demo's trust root away from loopback: its release keys lie next to the hub's.
 *
 * @returns the root, or `trust.demo_key_forbidden`
 */
export function checkDemoRoot(root: TrustRoot, isLoopback: boolean): Outcome<TrustRoot> {
  return root.isDemo && !isLoopback
    ? refuse(
        "trust.demo_key_forbidden",
        "this trust root was made by a demo and is for hubs on loopback only; create keys with: attune signer init",
      )
    : accept(root);
}

// Parsed again, so that both have the schema's order of fields.
const isSameRoot = (a: TrustRoot, b: TrustRoot): boolean =>
  toHex(encodeCbor(trustRootMessage.schema.parse(a))) ===
  toHex(encodeCbor(trustRootMessage.schema.parse(b)));

/**
 * Accepts a successor of a trust root: a later version, signed by a threshold of the release keys of **both**. Versions between
 * may be missing, so that a device which slept through them is not locked out: whoever holds the keys of the current root could
 * have signed the ones between too. Its own signatures prove that a further successor can be signed at all.
 *
 * After a change that {@link replacesHubKeys}, the counters that only the hub's keys move begin again.
 *
 * @returns the new root; the current one when the bytes say the same; or a frame's, a signature's or a `trust.*` refusal
 */
export function acceptNextTrustRoot(
  current: TrustRoot,
  bytes: Uint8Array,
  cryptography: Cryptography,
): Outcome<TrustRoot> {
  const message = decodeMessage(trustRootMessage, bytes);
  if (!message.ok) return message;
  const { value: next, frame } = message.value;
  if (next.fleet !== current.fleet || next.isDemo !== current.isDemo) {
    return refuse(
      "trust.root_mismatch",
      `trust root is of ${next.isDemo ? "a demo of " : ""}fleet ${next.fleet}, this device trusts ${current.isDemo ? "a demo of " : ""}${current.fleet}; enrol again to change it`,
    );
  }
  for (const root of [next, current]) {
    const signed = verifyRole(frame, root, "release", cryptography);
    if (!signed.ok) return signed;
  }
  if (next.version > current.version) return accept(next);
  return next.version === current.version && isSameRoot(next, current)
    ? accept(current)
    : refuse(
        "trust.root_version_replayed",
        `trust root has version ${next.version}, only a later one may follow ${current.version}`,
      );
}

/**
 * Whether a succession of trust roots leaves none of the hub's keys. No earlier decision or assignment verifies any more, so a
 * device sets its highest `decisionSequence` and `assignmentSequence` back to 0: a thief of the old key may have used up the
 * numbers. The security epoch stays: release keys move it.
 */
export function replacesHubKeys(current: TrustRoot, next: TrustRoot): boolean {
  const hubKeys = (root: TrustRoot): readonly string[] =>
    root.keys.filter(({ role }) => role === "hub").map(({ publicKey }) => toHex(publicKey));
  const before = new Set(hubKeys(current));
  return !hubKeys(next).some((key) => before.has(key));
}

/**
 * Refuses an expired trust root, for who has a trusted clock: a hub before it serves, a signer before it signs.
 *
 * @returns the root, or `trust.root_expired`
 */
export function checkTrustRootFresh(root: TrustRoot, nowMs: EpochMs): Outcome<TrustRoot> {
  return isTrustRootExpired(root, nowMs)
    ? refuse(
        "trust.root_expired",
        `version ${root.version} of the trust root of ${root.fleet} expired at ${root.expiresAtMs} ms; sign a new one with: attune signer rotate`,
      )
    : accept(root);
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
