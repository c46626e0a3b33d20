// Whether a device may join: fleet, token, name. Pure; it must not make keys or credentials.
import {
  accept,
  type Cryptography,
  type DeviceId,
  decodeMessage,
  type EnrolmentRequest,
  enrolmentRequestMessage,
  type FleetId,
  type KeyId,
  keyIdOf,
  type Outcome,
  refuse,
  verifySignatures,
} from "@attune/protocol";
import { ENROLMENTS_PER_KEY_MAX } from "../../limits.ts";

/** An enrolment token as the hub keeps it: never its secret. */
export interface KnownToken {
  readonly id: string;
  readonly usesMax: number;
  readonly usesCount: number;
  readonly expiresAtMs: number;
}

/** A device that has enrolled. */
export interface KnownDevice {
  readonly device: DeviceId;
  readonly token: string;
  readonly isRetired: boolean;
  /** Of its enrolments, the latest last. */
  readonly nonces: readonly string[];
}

/** What is known when a request arrives. */
export interface EnrolmentFacts {
  readonly fleet: FleetId;
  /** From the topic. */
  readonly nonce: string;
  readonly nowMs: number;
  /** The token with this secret. */
  readonly findToken: (secret: string) => KnownToken | undefined;
  /** The device that has this public key, and the token that it came with. */
  readonly findByKey: (keyId: KeyId) => KnownDevice | undefined;
  readonly isNameTaken: (device: DeviceId) => boolean;
  readonly isFull: boolean;
}

/** A device that may join. */
export interface AdmittedDevice {
  readonly request: EnrolmentRequest;
  readonly token: KnownToken;
  /** The device that this key has already; its token is not used up again. */
  readonly known: DeviceId | null;
  /** It was granted before: the same request gets the same answer, and nothing changes. */
  readonly isRepeated: boolean;
}

/**
 * Judges an enrolment request.
 *
 * Idempotent by public key: a device that was cut between the grant and its own disk asks again and is the same device. Its
 * latest nonce gets the same grant; an earlier one, which somebody else may have kept, gets none.
 *
 * @returns the request with its token, or a `frame.*`, `message.*`, `signature.*` or `enrolment.*` refusal
 */
export function judgeEnrolment(
  bytes: Uint8Array,
  facts: EnrolmentFacts,
  cryptography: Cryptography,
): Outcome<AdmittedDevice> {
  const message = decodeMessage(enrolmentRequestMessage, bytes);
  if (!message.ok) return message;
  const { value: request, frame } = message.value;
  if (request.nonce !== facts.nonce) {
    return refuse(
      "topic.forbidden",
      `enrolment with nonce ${request.nonce.slice(0, 8)} came on the topic of ${facts.nonce.slice(0, 8)}`,
    );
  }
  const token = facts.findToken(request.tokenSecret);
  if (request.fleet !== facts.fleet || token === undefined) {
    return refuse(
      "enrolment.token_invalid",
      `this is no enrolment token of fleet ${facts.fleet}; ask the operator for one`,
    );
  }
  if (token.expiresAtMs <= facts.nowMs) {
    return refuse("enrolment.token_invalid", "this enrolment token has expired; ask for a new one");
  }
  const keyId = keyIdOf(cryptography, request.publicKey);
  const before = facts.findByKey(keyId);
  const known =
    before !== undefined && !before.isRetired && before.token === token.id ? before.device : null;
  const isRepeated = known !== null && before?.nonces.at(-1) === request.nonce;
  if (!isRepeated) {
    const refused =
      known === null || before === undefined
        ? judgeNewDevice(request, token, before, facts)
        : judgeReturn(request, before);
    if (!refused.ok) return refused;
  }
  const signed = verifySignatures(frame, new Map([[keyId, request.publicKey]]), 1, cryptography);
  return signed.ok ? accept({ request, token, known, isRepeated }) : signed;
}

function judgeReturn(request: EnrolmentRequest, { device, nonces }: KnownDevice): Outcome<null> {
  if (nonces.includes(request.nonce)) {
    return refuse(
      "enrolment.replayed",
      `${device} has enrolled again since it made this request; ask with a new nonce`,
    );
  }
  // Nonces are never forgotten, or one of them could come again: a key has so many.
  if (nonces.length >= ENROLMENTS_PER_KEY_MAX) {
    return refuse(
      "enrolment.replayed",
      `${device} has enrolled ${nonces.length} times with this key, limit ${ENROLMENTS_PER_KEY_MAX}; make a new key`,
    );
  }
  return accept(null);
}

function judgeNewDevice(
  request: EnrolmentRequest,
  token: KnownToken,
  sameKey: KnownDevice | undefined,
  facts: EnrolmentFacts,
): Outcome<null> {
  if (token.usesCount >= token.usesMax) {
    return refuse(
      "enrolment.token_exhausted",
      `this enrolment token was used ${token.usesCount} of ${token.usesMax} times; ask for a new one`,
    );
  }
  if (facts.isFull) {
    return refuse("enrolment.token_exhausted", "the hub has its largest number of devices");
  }
  if (sameKey !== undefined) {
    return refuse(
      "enrolment.name_taken",
      `this key belongs to ${sameKey.device}${sameKey.isRetired ? ", which was retired" : ""}; make a new key`,
    );
  }
  if (request.proposedId !== undefined && facts.isNameTaken(request.proposedId)) {
    return refuse(
      "enrolment.name_taken",
      `a device is named ${request.proposedId} already; propose another name`,
    );
  }
  return accept(null);
}
