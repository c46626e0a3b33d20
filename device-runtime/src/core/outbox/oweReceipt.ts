// Notes that the hub is owed a receipt. It must not sign: a device may leave a version before what speaks with hubs is here.
import { type DecisionOutcome, plainText, REASON_LENGTH_MAX } from "@attune/protocol";
import { OUTBOX_ENTRIES_MAX } from "../limits.ts";
import { keep, type Transition } from "../transition.ts";

/** Notes what became of a decision, for a receipt that is signed as soon as it can be. */
export function oweReceipt(
  transition: Transition,
  receipt: {
    readonly decisionSequence: number;
    readonly outcome: DecisionOutcome;
    readonly code?: string;
    readonly message?: string;
  },
): void {
  const { enrolment, outbox, slots } = transition.state.kept;
  if (enrolment.phase !== "enrolled") return;
  const owed = {
    decisionSequence: receipt.decisionSequence,
    outcome: receipt.outcome,
    active: slots.active.version,
    code: receipt.code ?? "",
    message: plainText(receipt.message ?? "", REASON_LENGTH_MAX),
    owedAtMs: transition.context.nowMs,
  };
  keep(transition, {
    outbox: { ...outbox, owed: [...(outbox.owed ?? []), owed].slice(-OUTBOX_ENTRIES_MAX) },
  });
}
