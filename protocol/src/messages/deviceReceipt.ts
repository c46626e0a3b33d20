// Device to hub: signed statement of what became of a decision. Kept and sent again until the hub's receipt.
import * as z from "zod/mini";
import type { MessageType } from "../codec/message.ts";
import {
  type DeviceId,
  deviceIdSchema,
  type LineId,
  lineIdSchema,
  type ModelVersion,
  modelVersionSchema,
} from "../ids.ts";
import type { DecisionSequence, EpochMs } from "../units.ts";
import { codeSchema, decisionSequenceSchema, epochMsSchema, reasonSchema } from "./fields.ts";

/**
 * - `activated`: serves now, still baking
 * - `baked`: served its whole bake; from now on a rollback may name it
 * - `reverted`: failed while baking, the device serves the version before
 * - `refused`: verified false or could not be loaded; nothing changed
 */
export type DecisionOutcome = "activated" | "baked" | "reverted" | "refused";

/** What became of a decision on one device. */
export interface DeviceReceipt {
  readonly device: DeviceId;
  readonly line: LineId;
  readonly decisionSequence: DecisionSequence;
  readonly outcome: DecisionOutcome;
  /** The version that serves after it. */
  readonly active: ModelVersion;
  /** A refusal code, or empty. */
  readonly code: string;
  readonly message: string;
  readonly atMs: EpochMs;
}

export const deviceReceiptMessage: MessageType<DeviceReceipt> = {
  kind: "deviceReceipt",
  schema: z.object({
    device: deviceIdSchema,
    line: lineIdSchema,
    decisionSequence: decisionSequenceSchema,
    outcome: z.enum(["activated", "baked", "reverted", "refused"]),
    active: modelVersionSchema,
    code: codeSchema,
    message: reasonSchema,
    atMs: epochMsSchema,
  }),
};
