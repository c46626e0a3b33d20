// A message is a frame with a schema: the two ways between typed values and signed bytes, and the check of its signatures.
import type * as z from "zod/mini";
import type { Cryptography, KeyPair } from "../crypto/cryptography.ts";
import { accept, Defect, type Outcome, refuse } from "../errors.ts";
import type { KeyId } from "../ids.ts";
import { MESSAGE_ITEMS_MAX } from "../limits.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";
import { checkSchema } from "./checkSchema.ts";
import { encodeFrame, type Frame, type FrameKind, parseFrame, signedBytes } from "./frame.ts";

/** What a kind of frame carries. */
export interface MessageType<T> {
  readonly kind: FrameKind;
  readonly schema: z.ZodMiniType<T>;
}

/** A decoded message whose signatures nobody has checked yet. */
export interface UnverifiedMessage<T> {
  readonly value: T;
  readonly frame: Frame;
}

const checkFields = <T>({ schema, kind }: MessageType<T>, value: unknown): Outcome<T> =>
  checkSchema(schema, value, kind, "see the protocol's SPEC.md for its fields");

/**
 * Encodes and signs a message. The bytes are what is sent, stored, hashed: they are never made twice.
 *
 * Only what the schema names is written, in its order: a property too many, which might be somebody's name, does not leave.
 *
 * @throws Defect `message.schema_invalid` when our own value would be refused; Defects of `encodeFrame`
 */
export function encodeMessage<T>(
  type: MessageType<T>,
  value: T,
  keys: readonly KeyPair[],
  cryptography: Cryptography,
): Uint8Array {
  const checked = checkFields(type, value);
  if (!checked.ok) throw new Defect(checked.refusal.code, checked.refusal.message);
  return encodeFrame(type.kind, encodeCbor(checked.value), keys, cryptography);
}

/**
 * Decodes a message from the network: frame, then CBOR, then schema, each only when the one before it passed.
 *
 * @returns the value, **unverified**, or a `frame.*` or `message.schema_invalid` refusal
 */
export function decodeMessage<T>(
  type: MessageType<T>,
  bytes: Uint8Array,
): Outcome<UnverifiedMessage<T>> {
  const frame = parseFrame(bytes, type.kind);
  if (!frame.ok) return frame;
  const decoded = decodeCbor(frame.value.payload, MESSAGE_ITEMS_MAX);
  if (!decoded.ok) return decoded;
  const checked = checkFields(type, decoded.value);
  return checked.ok ? accept({ value: checked.value, frame: frame.value }) : checked;
}

/** Public keys by id, as a {@link verifySignatures} caller trusts them for one role. */
export type TrustedKeys = ReadonlyMap<KeyId, Uint8Array>;

/**
 * Checks that at least `threshold` **different** trusted keys signed a frame's exact bytes. Signatures by unknown keys, repeated
 * and wrong ones do not count and do no harm: a rotation signs with old and new keys, and one holder of a key can not spoil what
 * enough others have signed.
 *
 * @returns the ids of the keys that signed, or `signature.key_unknown`, `signature.invalid`, `signature.threshold_unmet`
 */
export function verifySignatures(
  frame: Frame,
  trusted: TrustedKeys,
  threshold: number,
  cryptography: Cryptography,
): Outcome<readonly KeyId[]> {
  const known = frame.signatures.filter(({ keyId }) => trusted.has(keyId));
  if (known.length === 0) {
    const seen = frame.signatures.map(({ keyId }) => keyId).join(", ");
    return refuse(
      "signature.key_unknown",
      `${frame.kind} is signed by ${seen === "" ? "nobody" : seen}, which the trust root does not name for this role`,
    );
  }
  const message = signedBytes(frame.kind, frame.payload);
  const signers = new Set<KeyId>();
  let wrong: KeyId | undefined;
  for (const { keyId, signature } of known) {
    const publicKey = trusted.get(keyId);
    if (publicKey === undefined) continue;
    if (cryptography.verify(publicKey, message, signature)) signers.add(keyId);
    else wrong = keyId;
  }
  if (signers.size < threshold) {
    if (wrong !== undefined) {
      return refuse(
        "signature.invalid",
        `signature of ${wrong} does not fit the ${frame.kind}'s bytes; they were changed on the way or another key signed`,
      );
    }
    return refuse(
      "signature.threshold_unmet",
      `${frame.kind} has ${signers.size} of the ${threshold} signatures that the trust root asks for`,
    );
  }
  return accept([...signers]);
}
