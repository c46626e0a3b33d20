// Schemas of the field types that several messages share. It must not know any message.
import * as z from "zod/mini";
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

const counter = z.int().check(z.minimum(0));

export const countSchema: z.ZodMiniType<number> = counter;
export const epochMsSchema: z.ZodMiniType<EpochMs> = counter as unknown as z.ZodMiniType<EpochMs>;
export const decisionSequenceSchema: z.ZodMiniType<DecisionSequence> = z
  .int()
  .check(z.minimum(1)) as unknown as z.ZodMiniType<DecisionSequence>;
export const generationSchema: z.ZodMiniType<Generation> =
  counter as unknown as z.ZodMiniType<Generation>;
export const securityEpochSchema: z.ZodMiniType<SecurityEpoch> =
  counter as unknown as z.ZodMiniType<SecurityEpoch>;

/**
 * Text for people: a reason, a note. Nothing depends on it, so it is made plain and cut instead of refused: a stranger's words
 * neither reach a terminal as escapes nor make a message invalid.
 */
export const reasonSchema: z.ZodMiniType<string> = z.pipe(
  z.string(),
  z.transform((text) => plainText(text, REASON_LENGTH_MAX)),
);

/** A refusal code of this or another version of the protocol, or empty. */
export const codeSchema: z.ZodMiniType<string> = z
  .string()
  .check(
    z.maxLength(CODE_LENGTH_MAX),
    z.regex(/^(?:[a-z0-9_]+\.[a-z0-9_]+)?$/, { message: "must be area.noun_problem or empty" }),
  );

/**
 * Bytes within a frame, copied, so that nobody holds on to a network buffer.
 *
 * @param bytesMin smallest length
 * @param bytesMax largest length
 */
export function bytesSchema(bytesMin: number, bytesMax: number): z.ZodMiniType<Uint8Array> {
  return z.pipe(
    z
      .custom<Uint8Array>((value) => value instanceof Uint8Array, { message: "must be bytes" })
      .check(
        z.refine((value) => value.length >= bytesMin && value.length <= bytesMax, {
          message: `must have ${bytesMin} to ${bytesMax} bytes`,
        }),
      ),
    z.transform((value) => new Uint8Array(value)),
  );
}

/** An Ed25519 public key that {@link isStrongPoint} accepts. */
export const publicKeySchema: z.ZodMiniType<Uint8Array> = bytesSchema(32, 32).check(
  z.refine(isStrongPoint, { message: "is not a usable Ed25519 public key" }),
);

/** Where the bytes of a digest can be had, and how they are checked while they come in. */
export interface BlobRef {
  readonly digest: Digest;
  readonly bytes: number;
  /** Digests of the blocks of `BLOB_BLOCK_BYTES` (the last may be shorter), for a blob that is larger than one MQTT payload. */
  readonly blocks?: readonly Digest[] | undefined;
}

export const blobRefSchema: z.ZodMiniType<BlobRef> = z
  .object({
    digest: digestSchema,
    bytes: z.int().check(z.minimum(0), z.maximum(BLOB_BYTES_MAX)),
    blocks: z.optional(z.array(digestSchema).check(z.maxLength(BLOB_BLOCK_COUNT_MAX))),
  })
  .check(
    z.refine(
      ({ bytes, blocks }) =>
        blocks === undefined || blocks.length === Math.ceil(bytes / BLOB_BLOCK_BYTES),
      { message: `must have one block for every ${BLOB_BLOCK_BYTES} bytes` },
    ),
  );
