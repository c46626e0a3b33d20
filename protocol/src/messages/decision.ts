// Hub to a cohort, retained: the whole of what its devices should do now. A newer decision replaces an older one entirely.
import * as z from "zod/mini";
import type { MessageType } from "../codec/message.ts";
import {
  type CohortId,
  cohortIdSchema,
  type LineId,
  lineIdSchema,
  type ModelVersion,
  modelVersionSchema,
} from "../ids.ts";
import { BAKE_MS_MAX } from "../limits.ts";
import type { DecisionSequence, EpochMs, Generation, SecurityEpoch } from "../units.ts";
import {
  type BlobRef,
  blobRefSchema,
  decisionSequenceSchema,
  epochMsSchema,
  generationSchema,
  reasonSchema,
  securityEpochSchema,
} from "./fields.ts";

/** A released version, as a decision points to it. */
export interface ReleaseTarget {
  readonly version: ModelVersion;
  readonly generation: Generation;
  readonly securityEpoch: SecurityEpoch;
  /** The signed release record's frame. */
  readonly record: BlobRef;
}

/** Which devices of the cohort take part: those whose canary hash is at most `threshold`. */
export interface CanarySelection {
  /** Fixes the order of devices for one rollout. */
  readonly salt: string;
  /** 0 to 2^32 - 1, inclusive; rises from stage to stage, so that nobody who is in ever falls out. */
  readonly threshold: number;
}

/** A challenger that some devices serve, with the champion in shadow on the same windows. */
export interface RolloutTarget {
  readonly target: ReleaseTarget;
  readonly selection: CanarySelection;
}

/** A candidate that devices run in shadow only. It never answers, so it needs no release record. */
export interface ShadowTarget {
  readonly version: ModelVersion;
  /** The version that `delta` applies to; it must be the champion's. */
  readonly base: ModelVersion;
  readonly delta: BlobRef;
  readonly selection: CanarySelection;
}

/** Why a decision was made. */
export type DecisionAction = "release" | "evaluate" | "canary" | "promote" | "rollback" | "pin";

/**
 * What happens to a user's own parameters when the shared version under them changes:
 * `keep` their difference on the new base, `refit` from the replay buffer, `park` until the base returns, `discard`.
 */
export type PersonalFate = "keep" | "refit" | "park" | "discard";

/** Signed by the hub's online key. */
export interface Decision {
  readonly line: LineId;
  readonly cohort: CohortId;
  /** Only rises, per line and across the fleet: an old decision never takes effect again. */
  readonly decisionSequence: DecisionSequence;
  readonly action: DecisionAction;
  /** What everyone serves who is not selected by `rollout`. */
  readonly champion: ReleaseTarget;
  readonly rollout?: RolloutTarget | undefined;
  readonly shadow?: ShadowTarget | undefined;
  readonly personal: PersonalFate;
  /** How long a version must serve without a fault before it counts as good; `BAKE_MS_MAX` at most. */
  readonly bakeMs: number;
  /** Base URL (http or https) for blobs that do not fit MQTT; empty for none. */
  readonly blobUrl: string;
  readonly reason: string;
  readonly issuedAtMs: EpochMs;
}

const releaseTargetSchema = z.object({
  version: modelVersionSchema,
  generation: generationSchema,
  securityEpoch: securityEpochSchema,
  record: blobRefSchema,
});

const selectionSchema = z.object({
  salt: z.string().check(z.minLength(1), z.maxLength(64)),
  threshold: z.int().check(z.minimum(0), z.maximum(0xffffffff)),
});

export const decisionMessage: MessageType<Decision> = {
  kind: "decision",
  schema: z
    .object({
      line: lineIdSchema,
      cohort: cohortIdSchema,
      decisionSequence: decisionSequenceSchema,
      action: z.enum(["release", "evaluate", "canary", "promote", "rollback", "pin"]),
      champion: releaseTargetSchema,
      rollout: z.optional(z.object({ target: releaseTargetSchema, selection: selectionSchema })),
      shadow: z.optional(
        z.object({
          version: modelVersionSchema,
          base: modelVersionSchema,
          delta: blobRefSchema,
          selection: selectionSchema,
        }),
      ),
      personal: z.enum(["keep", "refit", "park", "discard"]),
      bakeMs: z.int().check(z.minimum(0), z.maximum(BAKE_MS_MAX)),
      blobUrl: z.string().check(
        z.maxLength(512),
        z.regex(/^(?:https?:\/\/[!-~]+)?$/, {
          message: "must be an http or https URL or empty",
        }),
      ),
      reason: reasonSchema,
      issuedAtMs: epochMsSchema,
    })
    .check(
      z.refine(({ champion, shadow }) => shadow === undefined || shadow.base === champion.version, {
        path: ["shadow", "base"],
        message: "must be the champion's version",
      }),
    ),
};
