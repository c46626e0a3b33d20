// Schemas of the field types that several messages share. It must not know any message.
import { z } from "zod";
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
import type { DecisionSequence, EpochMs, Generation, SecurityEpoch } from "../units.ts";
import { evalFree } from "./evalFree.ts";

const counter = z.int().min(0);

export const countSchema: z.ZodType<number> = counter;
export const epochMsSchema: z.ZodType<EpochMs> = counter as unknown as z.ZodType<EpochMs>;
export const decisionSequenceSchema: z.ZodType<DecisionSequence> = z
  .int()
  .min(1) as unknown as z.ZodType<DecisionSequence>;
export const generationSchema: z.ZodType<Generation> = counter as unknown as z.ZodType<Generation>;
export const securityEpochSchema: z.ZodType<SecurityEpoch> =
  counter as unknown as z.ZodType<SecurityEpoch>;

/**
 * Text for people: a reason, a note. Nothing depends on it, so it is made plain and cut instead of refused: a stranger's words
 * neither reach a terminal as escapes nor make a message invalid.
 */
export const reasonSchema: z.ZodType<string> = z
  .string()
  .transform((text) => plainText(text, REASON_LENGTH_MAX));

/** A refusal code of this or another version of the protocol, or empty. */
export const codeSchema: z.ZodType<string> = z
  .string()
  .max(CODE_LENGTH_MAX)
  .regex(/^(?:[a-z0-9_]+\.[a-z0-9_]+)?$/, { message: "must be area.noun_problem or empty" });

/**
 * Bytes within a frame, copied, so that nobody holds on to a network buffer.
 *
 * @param bytesMin smallest length
 * @param bytesMax largest length
 */
export function bytesSchema(bytesMin: number, bytesMax: number): z.ZodType<Uint8Array> {
  return z
    .custom<Uint8Array>((value) => value instanceof Uint8Array, { message: "must be bytes" })
    .refine((value) => value.length >= bytesMin && value.length <= bytesMax, {
      message: `must have ${bytesMin} to ${bytesMax} bytes`,
    })
    .transform((value) => new Uint8Array(value));
}

/** An Ed25519 public key that {@link isStrongPoint} accepts. */
export const publicKeySchema: z.ZodType<Uint8Array> = bytesSchema(32, 32).refine(isStrongPoint, {
  message: "is not a usable Ed25519 public key",
});

/** Where the bytes of a digest can be had, and how they are checked while they come in. */
export interface BlobRef {
  readonly digest: Digest;
  readonly bytes: number;
  /** Digests of the blocks of `BLOB_BLOCK_BYTES` (the last may be shorter), for a blob that is larger than one MQTT payload. */
  readonly blocks?: readonly Digest[] | undefined;
}

export const blobRefSchema: z.ZodType<BlobRef> = evalFree(() =>
  z
    .object({
      digest: digestSchema,
      bytes: z.int().min(0).max(BLOB_BYTES_MAX),
      blocks: z.array(digestSchema).max(BLOB_BLOCK_COUNT_MAX).optional(),
    })
    .refine(
      ({ bytes, blocks }) =>
        blocks === undefined || blocks.length === Math.ceil(bytes / BLOB_BLOCK_BYTES),
      { message: `must have one block for every ${BLOB_BLOCK_BYTES} bytes` },
    ),
);
