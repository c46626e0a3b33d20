// Takes messages out of the outbox that must not be sent any more. It must not decide which.
import { keep, type Transition } from "../transition.ts";
import type { OutboxEntry } from "./outboxState.ts";

/** Takes messages out that must not be sent any more: consent was withdrawn, or the user is erased. */
export function withdraw(
  transition: Transition,
  isWithdrawn: (entry: OutboxEntry) => boolean,
): void {
  const { outbox } = transition.state.kept;
  const entries = outbox.entries.filter((entry) => !isWithdrawn(entry));
  if (entries.length === outbox.entries.length) return;
  keep(transition, {
    outbox: {
      ...outbox,
      entries,
      droppedCount: outbox.droppedCount + outbox.entries.length - entries.length,
    },
  });
}
