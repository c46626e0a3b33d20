// Puts a message into the outbox. It must not send it.
import { OUTBOX_BYTES_MAX, OUTBOX_ENTRIES_MAX } from "../limits.ts";
import { keep, type Transition } from "../transition.ts";
import type { OutboxEntry } from "./outboxState.ts";

/** Puts a message into the outbox. When it is full, the oldest of its kind goes, else the oldest of all, and is counted. */
export function enqueue(transition: Transition, entry: OutboxEntry): void {
  const { outbox } = transition.state.kept;
  if (outbox.entries.some(({ digest }) => digest === entry.digest)) return;
  const entries = [...outbox.entries, entry];
  let droppedCount = outbox.droppedCount;
  const bytes = (): number => entries.reduce((sum, one) => sum + one.bytes, 0);
  while (entries.length > OUTBOX_ENTRIES_MAX || bytes() > OUTBOX_BYTES_MAX) {
    const oldest = entries.findIndex((one) => one.kind === entry.kind && one !== entry);
    entries.splice(Math.max(0, oldest), 1);
    droppedCount += 1;
  }
  keep(transition, { outbox: { ...outbox, entries, droppedCount } });
}
