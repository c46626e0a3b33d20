// Device to hub: one validated delta. It carries no sample, no name of a user, no label of a person.
import * as z from "zod/mini";
import type { MessageType } from "../codec/message.ts";
import {
  type DeviceId,
  type Digest,
  deviceIdSchema,
  digestSchema,
  type LineId,
  lineIdSchema,
  type ModelVersion,
  modelVersionSchema,
} from "../ids.ts";
import { DELTA_BYTES_MAX } from "../limits.ts";
import type { EpochMs } from "../units.ts";
import { bytesSchema, countSchema, epochMsSchema } from "./fields.ts";

/** Paired outcomes of two versions on the same samples; only discordant pairs are evidence. */
export interface PairedCounts {
  /** Samples that both answered. */
  readonly n: number;
  /** Challenger right, champion wrong. */
  readonly wins: number;
  /** Champion right, challenger wrong. */
  readonly losses: number;
}

export const pairedCountsSchema: z.ZodMiniType<PairedCounts> = z
  .object({ n: countSchema, wins: countSchema, losses: countSchema })
  .check(
    z.refine(({ n, wins, losses }) => wins + losses <= n, {
      message: "wins and losses cannot be more than n",
    }),
  );

/** A delta that a device trained, clipped, quantised, decoded again and checked with its local guard. */
export interface Contribution {
  readonly device: DeviceId;
  readonly line: LineId;
  /** Rises by one per contribution of a device; the same number with other bytes is `contribution.replayed`. */
  readonly contributionSequence: number;
  readonly base: ModelVersion;
  /** Encoded by `encodeDelta`. */
  readonly delta: Uint8Array;
  /** Digest of `encodeParameters(applyDelta(base, decodeDelta(delta)))`: what the device checked is what the hub rebuilds. */
  readonly result: Digest;
  /** Labelled examples that it was trained on; the hub caps it. */
  readonly examples: number;
  /** Optimizer steps. */
  readonly steps: number;
  /** The **decoded** delta against the base, on this device. */
  readonly evidence: PairedCounts;
  readonly createdAtMs: EpochMs;
}

export const contributionMessage: MessageType<Contribution> = {
  kind: "contribution",
  schema: z.object({
    device: deviceIdSchema,
    line: lineIdSchema,
    contributionSequence: z.int().check(z.minimum(1)),
    base: modelVersionSchema,
    delta: bytesSchema(1, DELTA_BYTES_MAX),
    result: digestSchema,
    examples: z.int().check(z.minimum(1)),
    steps: z.int().check(z.minimum(1)),
    evidence: pairedCountsSchema,
    createdAtMs: epochMsSchema,
  }),
};
