// Hub to device: what is durable, or refused. Signed once per commit and sent as the same bytes to every device in it.
import { z } from "zod";
import type { MessageType } from "../codec/message.ts";
import type { Refusal } from "../errors.ts";
import { type Digest, digestSchema } from "../ids.ts";
import { RECEIPT_ENTRIES_MAX, RECEIPT_MESSAGE_BYTES_MAX } from "../limits.ts";
import type { EpochMs } from "../units.ts";
import { evalFree } from "./evalFree.ts";
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
  schema: evalFree(() =>
    z.object({
      entries: z
        .array(
          z.object({
            digest: digestSchema,
            outcome: z.enum(["committed", "refused"]),
            code: codeSchema,
            message: reasonSchema,
          }),
        )
        .min(1)
        .max(RECEIPT_ENTRIES_MAX),
      atMs: epochMsSchema,
    }),
  ),
};

/** The entry of a message that is durable. */
export function committedEntry(digest: Digest): HubReceiptEntry {
  return { digest, outcome: "committed", code: "", message: "" };
}

/**
 * The entry of a message that was refused; its text is cut so that `RECEIPT_ENTRIES_MAX` of them fit one frame.
 *
 * @example
 * refusedEntry("0".repeat(64) as Digest, { code: "delta.not_finite", message: "drop it" }).outcome; // => "refused"
 */
export function refusedEntry(digest: Digest, refusal: Refusal): HubReceiptEntry {
  const utf8 = new TextEncoder().encode(refusal.message);
  const message =
    utf8.length <= RECEIPT_MESSAGE_BYTES_MAX
      ? refusal.message
      : // A character that was cut in two decodes to U+FFFD.
        `${new TextDecoder()
          .decode(utf8.subarray(0, RECEIPT_MESSAGE_BYTES_MAX - 3))
          .replace(/\ufffd+$/, "")}…`;
  return { digest, outcome: "refused", code: refusal.code, message };
}
