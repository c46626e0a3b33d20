// Signed by release keys: what a signer process may co-sign by itself, and until when.
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
import type { EpochMs, SecurityEpoch } from "../units.ts";
import { epochMsSchema, securityEpochSchema } from "./fields.ts";

/** Aggregates of one graph, near one released base. */
export interface Delegation {
  readonly line: LineId;
  readonly graph: Digest;
  /** The released version around which aggregates may move. */
  readonly base: ModelVersion;
  /** Euclidean norm of (aggregate - base), `> 0`. */
  readonly normMax: number;
  readonly securityEpoch: SecurityEpoch;
  readonly expiresAtMs: EpochMs;
}

export const delegationMessage: MessageType<Delegation> = {
  kind: "delegation",
  schema: z.object({
    line: lineIdSchema,
    graph: digestSchema,
    base: modelVersionSchema,
    normMax: z.number().check(z.positive()),
    securityEpoch: securityEpochSchema,
    expiresAtMs: epochMsSchema,
  }),
};
