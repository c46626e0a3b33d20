// Hub to device: what is durable, or refused. Signed once per commit and sent as the same bytes to every device in it.
import * as z from "zod/mini";
import type { MessageType } from "../codec/message.ts";
import { type Digest, digestSchema } from "../ids.ts";
import { RECEIPT_ENTRIES_MAX } from "../limits.ts";
import type { EpochMs } from "../units.ts";
import { codeSchema, epochMsSchema, reasonSchema } from "./fields.ts";

/** Fate of one message, named by the digest of its whole frame. */
export interface HubReceiptEntry {
  readonly digest: Digest;
  readonly outcome: "committed" | "refused";
  /** A refusal code, or empty. */
  readonly code: string;
  readonly message: string;
}

/** Receipt of one commit. The same digest always gets the same outcome. */
export interface HubReceipt {
  readonly entries: readonly HubReceiptEntry[];
  readonly atMs: EpochMs;
}

export const hubReceiptMessage: MessageType<HubReceipt> = {
  kind: "hubReceipt",
  schema: z.object({
    entries: z
      .array(
        z.object({
          digest: digestSchema,
          outcome: z.enum(["committed", "refused"]),
          code: codeSchema,
          message: reasonSchema,
        }),
      )
      .check(z.minLength(1), z.maxLength(RECEIPT_ENTRIES_MAX)),
    atMs: epochMsSchema,
  }),
};
