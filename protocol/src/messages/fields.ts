// Schemas of the field types that several messages share. It must not know any message.
import { z } from "zod";
import { type Digest, digestSchema } from "../ids.ts";
import { BLOB_BLOCK_COUNT_MAX, BLOB_BYTES_MAX, REASON_LENGTH_MAX } from "../limits.ts";
import type { DecisionSequence, EpochMs, Generation, SecurityEpoch } from "../units.ts";

const counter = z.int().min(0);

export const countSchema: z.ZodType<number> = counter;
export const epochMsSchema: z.ZodType<EpochMs> = counter as unknown as z.ZodType<EpochMs>;
export const decisionSequenceSchema: z.ZodType<DecisionSequence> = z
  .int()
  .min(1) as unknown as z.ZodType<DecisionSequence>;
export const generationSchema: z.ZodType<Generation> = counter as unknown as z.ZodType<Generation>;
export const securityEpochSchema: z.ZodType<SecurityEpoch> =
  counter as unknown as z.ZodType<SecurityEpoch>;

/** Text that a person wrote: a reason, a note. */
export const reasonSchema: z.ZodType<string> = z.string().max(REASON_LENGTH_MAX);

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
    .transform((value) => new Uint8Array(value)) as unknown as z.ZodType<Uint8Array>;
}

/** Where the bytes of a digest can be had, and how they are checked while they come in. */
export interface BlobRef {
  readonly digest: Digest;
  readonly bytes: number;
  /** Digests of the blocks of `BLOB_BLOCK_BYTES`, for a blob that is larger than one MQTT payload. */
  readonly blocks?: readonly Digest[] | undefined;
}

export const blobRefSchema: z.ZodType<BlobRef> = z.object({
  digest: digestSchema,
  bytes: z.int().min(0).max(BLOB_BYTES_MAX),
  blocks: z.array(digestSchema).max(BLOB_BLOCK_COUNT_MAX).optional(),
});
