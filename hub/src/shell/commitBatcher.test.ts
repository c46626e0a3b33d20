import { createManualClock } from "@attune/device-runtime/testing";
import { expect, it } from "vitest";
import { COMMIT_BYTES_MAX, COMMIT_DELAY_MS, COMMIT_ROWS_MAX } from "../limits.ts";
import type { IntakeAnswer, IntakeRow } from "../ports/store.ts";
import { createCommitBatcher } from "./commitBatcher.ts";

const row = {} as IntakeRow;
const answer: IntakeAnswer = { outcome: "committed", code: "", message: "", isNew: true };

function setUp(isFailing = false) {
  const clock = createManualClock();
  const commits: number[] = [];
  const batcher = createCommitBatcher(clock, (rows) => {
    commits.push(rows.length);
    return Promise.resolve(isFailing ? null : rows.map(() => answer));
  });
  const add = (bytes = 10) => batcher.add(row, bytes);
  return { clock, commits, batcher, add };
}

it("[HB10] rows wait a few milliseconds for company and are committed together", async () => {
  const { clock, commits, add } = setUp();
  const answers = Promise.all([add(), add()]);
  clock.advance(COMMIT_DELAY_MS - 1);
  expect(commits).toEqual([]);
  clock.advance(1);
  expect(commits).toEqual([2]);
  expect(await answers).toEqual([answer, answer]);
  clock.advance(100);
  expect(commits).toEqual([2]);
});

it("[HB10] a commit holds at most its rows and bytes", () => {
  const { commits, add } = setUp();
  for (let index = 0; index < COMMIT_ROWS_MAX + 1; index += 1) void add();
  expect(commits).toEqual([COMMIT_ROWS_MAX]);
  void add(COMMIT_BYTES_MAX);
  expect(commits).toEqual([COMMIT_ROWS_MAX, 2]);
});

it("[HB16] rows of a commit that failed are told so", async () => {
  const { batcher, add } = setUp(true);
  const answers = Promise.all([add(), add()]);
  await batcher.flush();
  expect(await answers).toEqual([null, null]);
});
