// Gathers intake rows into commits: until 256 rows, 1 MB or 5 ms, whatever comes first. It must not look into a row.
import { COMMIT_BYTES_MAX, COMMIT_DELAY_MS, COMMIT_ROWS_MAX } from "../limits.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { IntakeAnswer, IntakeRow } from "../ports/store.ts";

/** A row on its way, and who waits for it. */
export interface PendingRow {
  readonly row: IntakeRow;
  readonly bytes: number;
  /** After the commit, in the order of the rows. */
  readonly onAnswer: (answer: IntakeAnswer) => void;
}

/** The batcher of one hub. */
export interface CommitBatcher {
  add(pending: PendingRow): void;
  /** Commits what waits now; resolves when that and everything before it has been answered. */
  flush(): Promise<void>;
  /** Rows that are not committed yet. */
  readonly waitingCount: number;
}

/** Creates a batcher. @param commit one transaction; never rejects; rows of a failed one are not answered */
export function createCommitBatcher(
  clock: Clock,
  commit: (rows: readonly PendingRow[]) => Promise<void>,
): CommitBatcher {
  let rows: PendingRow[] = [];
  let bytes = 0;
  let timer: Timer | null = null;
  let waitingCount = 0;
  let committing: Promise<unknown> = Promise.resolve();

  const start = (): void => {
    timer?.cancel();
    timer = null;
    if (rows.length === 0) return;
    const batch = rows;
    rows = [];
    bytes = 0;
    const committed = commit(batch).then(() => void (waitingCount -= batch.length));
    committing = Promise.all([committing, committed]);
  };

  return {
    add(pending) {
      rows.push(pending);
      waitingCount += 1;
      bytes += pending.bytes;
      if (rows.length >= COMMIT_ROWS_MAX || bytes >= COMMIT_BYTES_MAX) start();
      else timer ??= clock.setTimer(COMMIT_DELAY_MS, start);
    },
    async flush() {
      start();
      await committing;
    },
    get waitingCount() {
      return waitingCount;
    },
  };
}
