// Schemas of the field types that several messages share. It must not know any message.
import { isStrongPoint } from "../crypto/cryptography.ts";
import { type Digest, digestSchema } from "../ids.ts";
import {
  BLOB_BLOCK_BYTES,
  BLOB_BLOCK_COUNT_MAX,
  BLOB_BYTES_MAX,
  CODE_LENGTH_MAX,
  REASON_LENGTH_MAX,
} from "../limits.ts";
import { plainText } from "../plainText.ts";
import * as s from "../schema/schema.ts";
import type { DecisionSequence, EpochMs, Generation, SecurityEpoch } from "../units.ts";

const counter = s.int().min(0);

export const countSchema: s.Schema<number> = counter;
export const epochMsSchema: s.Schema<EpochMs> = counter as unknown as s.Schema<EpochMs>;
export const decisionSequenceSchema: s.Schema<DecisionSequence> = s
  .int()
  .min(1) as unknown as s.Schema<DecisionSequence>;
export const generationSchema: s.Schema<Generation> = counter as unknown as s.Schema<Generation>;
export const securityEpochSchema: s.Schema<SecurityEpoch> =
  counter as unknown as s.Schema<SecurityEpoch>;

/**
 * Text for people: a reason, a note. Nothing depends on it, so it is made plain and cut instead of refused: a stranger's words
 * neither reach a terminal as escapes nor make a message invalid.
 */
export const reasonSchema: s.Schema<string> = s
  .string()
  .transform((text) => plainText(text, REASON_LENGTH_MAX));

/** A refusal code of this or another version of the protocol, or empty. */
export const codeSchema: s.Schema<string> = s
  .string()
  .max(CODE_LENGTH_MAX)
  .form({
    pattern: /^(?:[a-z0-9_]+\.[a-z0-9_]+)?$/,
    message: "must be area.noun_problem or empty",
  });

/**
 * Bytes within a frame, copied, so that nobody holds on to a network buffer.
 *
 * @param bytesMin smallest length
 * @param bytesMax largest length
 */
export function bytesSchema(bytesMin: number, bytesMax: number): s.Schema<Uint8Array> {
  return s
    .custom<Uint8Array>((value) => value instanceof Uint8Array, { message: "must be bytes" })
    .refine((value) => value.length >= bytesMin && value.length <= bytesMax, {
      message: `must have ${bytesMin} to ${bytesMax} bytes`,
    })
    .transform((value) => new Uint8Array(value));
}

/** An Ed25519 public key that {@link isStrongPoint} accepts. */
export const publicKeySchema: s.Schema<Uint8Array> = bytesSchema(32, 32).refine(isStrongPoint, {
  message: "is not a usable Ed25519 public key",
});

/** Where the bytes of a digest can be had, and how they are checked while they come in. */
export interface BlobRef {
  readonly digest: Digest;
  readonly bytes: number;
  /** Digests of the blocks of `BLOB_BLOCK_BYTES` (the last may be shorter), for a blob that is larger than one MQTT payload. */
  readonly blocks?: readonly Digest[] | undefined;
}

export const blobRefSchema: s.Schema<BlobRef> = s
  .object({
    digest: digestSchema,
    bytes: s.int().min(0).max(BLOB_BYTES_MAX),
    blocks: s.array(digestSchema).max(BLOB_BLOCK_COUNT_MAX).optional(),
  })
  .refine(
    ({ bytes, blocks }) =>
      blocks === undefined || blocks.length === Math.ceil(bytes / BLOB_BLOCK_BYTES),
    { message: `must have one block for every ${BLOB_BLOCK_BYTES} bytes` },
  );
