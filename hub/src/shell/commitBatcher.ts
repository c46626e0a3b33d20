// Gathers intake rows into commits: until 256 rows, 1 MB or 5 ms, whatever comes first. It must not look into a row.
import { COMMIT_BYTES_MAX, COMMIT_DELAY_MS, COMMIT_ROWS_MAX } from "../limits.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { IntakeAnswer, IntakeRow } from "../ports/store.ts";

/** The batcher of one hub. */
export interface CommitBatcher {
  /**
   * @param bytes what the row is counted as
   * @returns what became of it, once it is durable; null when its commit failed and nothing was kept
   */
  add(row: IntakeRow, bytes: number): Promise<IntakeAnswer | null>;
  /** Commits what waits now; resolves when that and everything before it has been answered. */
  flush(): Promise<void>;
}

/** Creates a batcher. @param commit one transaction; its answers in the order of the rows, or null when it failed */
export function createCommitBatcher(
  clock: Clock,
  commit: (rows: readonly IntakeRow[]) => Promise<readonly IntakeAnswer[] | null>,
): CommitBatcher {
  let waiting: { row: IntakeRow; answer: (answer: IntakeAnswer | null) => void }[] = [];
  let bytesWaiting = 0;
  let timer: Timer | null = null;
  let committing: Promise<unknown> = Promise.resolve();

  const start = (): void => {
    timer?.cancel();
    timer = null;
    if (waiting.length === 0) return;
    const batch = waiting;
    waiting = [];
    bytesWaiting = 0;
    const committed = commit(batch.map(({ row }) => row)).then((answers) => {
      batch.forEach(({ answer }, index) => answer(answers?.[index] ?? null));
      return undefined;
    });
    committing = Promise.all([committing, committed]);
  };

  return {
    add: (row, bytes) =>
      new Promise((answer) => {
        waiting.push({ row, answer });
        bytesWaiting += bytes;
        if (waiting.length >= COMMIT_ROWS_MAX || bytesWaiting >= COMMIT_BYTES_MAX) start();
        else timer ??= clock.setTimer(COMMIT_DELAY_MS, start);
      }),
    async flush() {
      start();
      await committing;
    },
  };
}
