import { createManualClock } from "@attune/device-runtime/testing";
import { expect, it } from "vitest";
import { COMMIT_BYTES_MAX, COMMIT_DELAY_MS, COMMIT_ROWS_MAX } from "../limits.ts";
import type { IntakeRow } from "../ports/store.ts";
import { createCommitBatcher, type PendingRow } from "./commitBatcher.ts";

const row = (bytes = 10): PendingRow => ({
  row: {} as IntakeRow,
  bytes,
  onAnswer: () => undefined,
});

function setUp() {
  const clock = createManualClock();
  const commits: number[] = [];
  const batcher = createCommitBatcher(clock, (rows) => {
    commits.push(rows.length);
    return Promise.resolve();
  });
  return { clock, commits, batcher };
}

it("[HB10] rows wait a few milliseconds for company and are committed together", () => {
  const { clock, commits, batcher } = setUp();
  batcher.add(row());
  batcher.add(row());
  clock.advance(COMMIT_DELAY_MS - 1);
  expect(commits).toEqual([]);
  clock.advance(1);
  expect(commits).toEqual([2]);
  clock.advance(100);
  expect(commits).toEqual([2]);
});

it("[HB10] a commit holds at most its rows and bytes", () => {
  const { commits, batcher } = setUp();
  for (let index = 0; index < COMMIT_ROWS_MAX + 1; index += 1) batcher.add(row());
  expect(commits).toEqual([COMMIT_ROWS_MAX]);
  batcher.add(row(COMMIT_BYTES_MAX));
  expect(commits).toEqual([COMMIT_ROWS_MAX, 2]);
});

it("[HB77] what waits is counted until it is committed", async () => {
  const { batcher } = setUp();
  batcher.add(row());
  expect(batcher.waitingCount).toBe(1);
  await batcher.flush();
  expect(batcher.waitingCount).toBe(0);
});
