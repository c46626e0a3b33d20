// Signed by release keys: this artifact exists and may be served. Which devices serve it, a decision says.
import * as z from "zod/mini";
import type { MessageType } from "../codec/message.ts";
import {
  type Digest,
  digestSchema,
  type LineId,
  lineIdSchema,
  type ModelVersion,
  modelVersionSchema,
} from "../ids.ts";
import type { EpochMs, Generation, SecurityEpoch } from "../units.ts";
import {
  type BlobRef,
  blobRefSchema,
  countSchema,
  epochMsSchema,
  generationSchema,
  reasonSchema,
  securityEpochSchema,
} from "./fields.ts";

/** The parts of a model package; a device fetches those that it does not have. */
export interface ReleaseParts {
  readonly graph: BlobRef;
  readonly parameters: BlobRef;
  readonly preprocessing: BlobRef;
  readonly calibration: BlobRef;
  /** Training plan and validation rules. Not part of the ModelVersion: it does not change an answer. */
  readonly learning: BlobRef;
}

/** Where an artifact comes from. */
export interface Lineage {
  /** `imported`: an operator brought it. `aggregate`: made by the hub from contributions. */
  readonly source: "imported" | "aggregate";
  /** The version whose contributions were aggregated. */
  readonly base?: ModelVersion | undefined;
  /** Digest of the sorted digests of its contributions. */
  readonly contributions?: Digest | undefined;
  readonly contributionCount: number;
}

/** A release record. */
export interface ReleaseRecord {
  readonly line: LineId;
  readonly version: ModelVersion;
  readonly generation: Generation;
  readonly securityEpoch: SecurityEpoch;
  readonly parts: ReleaseParts;
  /** The same parameters as a delta from another release: smaller to fetch for a device that has it. */
  readonly delta?: { readonly base: ModelVersion; readonly blob: BlobRef } | undefined;
  readonly lineage: Lineage;
  readonly createdAtMs: EpochMs;
  readonly note: string;
}

export const releaseRecordMessage: MessageType<ReleaseRecord> = {
  kind: "releaseRecord",
  schema: z.object({
    line: lineIdSchema,
    version: modelVersionSchema,
    generation: generationSchema,
    securityEpoch: securityEpochSchema,
    parts: z.object({
      graph: blobRefSchema,
      parameters: blobRefSchema,
      preprocessing: blobRefSchema,
      calibration: blobRefSchema,
      learning: blobRefSchema,
    }),
    delta: z.optional(z.object({ base: modelVersionSchema, blob: blobRefSchema })),
    lineage: z.object({
      source: z.enum(["imported", "aggregate"]),
      base: z.optional(modelVersionSchema),
      contributions: z.optional(digestSchema),
      contributionCount: countSchema,
    }),
    createdAtMs: epochMsSchema,
    note: reasonSchema,
  }),
};
