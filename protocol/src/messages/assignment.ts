// Hub to device: which cohort is the device's. Retained on the device's own topic.
import * as z from "zod/mini";
import type { MessageType } from "../codec/message.ts";
import {
  type CohortId,
  cohortIdSchema,
  type DeviceId,
  deviceIdSchema,
  type LineId,
  lineIdSchema,
} from "../ids.ts";
import type { EpochMs } from "../units.ts";
import { epochMsSchema } from "./fields.ts";

/** Signed by the hub's online key. */
export interface Assignment {
  readonly device: DeviceId;
  readonly line: LineId;
  readonly cohort: CohortId;
  /** Only rises, per device. */
  readonly assignmentSequence: number;
  readonly issuedAtMs: EpochMs;
}

export const assignmentMessage: MessageType<Assignment> = {
  kind: "assignment",
  schema: z.object({
    device: deviceIdSchema,
    line: lineIdSchema,
    cohort: cohortIdSchema,
    assignmentSequence: z.int().check(z.minimum(1)),
    issuedAtMs: epochMsSchema,
  }),
};
