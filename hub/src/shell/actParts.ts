// What the acts of operators and signers share. An act is judged, committed with its audit row, and carried out; it runs within
// the hub's acts, one at a time, for an actor whom the API has authenticated.
import type { LineId } from "@attune/protocol";
import type { AuditEntry } from "../core/audit/auditChain.ts";
import type { LinePolicy } from "../policy.ts";
import { type Random, randomBytes } from "../ports/random.ts";
import type { Documents } from "./documents.ts";
import type { HubContext } from "./hubContext.ts";
import type { LineRunner } from "./lineRunner.ts";

/** What acts need. */
export interface ActParts {
  readonly context: HubContext;
  readonly lines: LineRunner;
  readonly documents: Documents;
  /** What a new line starts with. */
  readonly newLinePolicy: LinePolicy;
  /** After a commit that may have changed what is retained. */
  readonly retainedChanged: () => void;
}

/** A short random name for a row. */
export function shortId({ random }: { readonly random: Random }): string {
  return Buffer.from(randomBytes(random, 6)).toString("hex");
}

/** What the audit says of an act. */
export function auditEntry(
  { clock }: Pick<HubContext, "clock">,
  actor: string,
  action: string,
  line: LineId | null,
  subject: string,
  reason: string,
  detail: AuditEntry["detail"],
): AuditEntry {
  return { atMs: clock.nowMs(), actor, action, line, subject, reason, detail };
}
