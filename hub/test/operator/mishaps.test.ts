// What an operator meets on a bad day: a second hub on the same folder, an audit that somebody has changed, no signer anywhere.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type AttuneRun, type HubProcess, runAttune, startHubProcess } from "./attuneProcess.ts";

let folder: string;
let hub: HubProcess;
const attune = (words: string): Promise<AttuneRun> => runAttune(folder, words.split(" "));
const anyPorts = "--http-port 0 --mqtt-port 0 --ws-port 0";

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "attune-mishaps-"));
  hub = await startHubProcess(folder);
});
afterAll(async () => {
  await hub.stop();
  rmSync(folder, { recursive: true });
});

it("[HB17] a second hub on the same folder says so, and leaves the first one and its tokens alone", async () => {
  const second = await attune(`hub start ${anyPorts}`);
  expect(second).toMatchObject({ exitCode: 1, stdout: "" });
  expect(second.stderr).toContain("store.locked");
  expect(second.stderr).toContain("another data folder");
  expect((await attune("status")).exitCode).toBe(0);
});

it("a signer that is not there is named with the command that makes one", async () => {
  for (const words of ["signer run --once", "signer approve activity-1", "signer rotate --yes"]) {
    const run = await attune(words);
    expect(run).toMatchObject({ exitCode: 5, stdout: "" });
    expect(run.stderr).toContain("attune signer init");
  }
  const token = await attune("device token");
  expect(token).toMatchObject({ exitCode: 5, stdout: "" });
  expect(token.stderr).toContain("attune signer init");
});

it.each([
  ["hub start --mqtt-port many", "port from 0 to 65535"],
  ["hub start --fleet Not_A_Name", "cannot be a fleet's name"],
  ["signer init --keys 9", "from 1 to 4"],
  ["rollback --cohort default", "--to"],
  ["device retire", "--reason"],
  ["audit verify --kept nonsense", "--kept"],
  ["nonsense", "unknown command"],
])("wrong use is explained on stderr and does nothing: %s", async (words, says) => {
  const run = await attune(words);
  expect(run.stdout).toBe("");
  expect(run.exitCode).toBe(2);
  expect(run.stderr).toContain(says);
});

it.each([
  [
    '{"window":{"quorom":4}}',
    "--policy policy.json",
    'policy.json: policy.window: Unrecognized key: "quorom"',
  ],
  ["null", "--policy policy.json", "holds no object"],
  ["{}", "--policy policy.json --http-port 99999", "port from 0 to 65535"],
])("a hub that is started wrongly leaves nothing behind: %s %s", async (policy, words, says) => {
  const empty = mkdtempSync(join(tmpdir(), "attune-mishaps-"));
  writeFileSync(join(empty, "policy.json"), policy);
  const run = await runAttune(empty, `hub start ${words}`.split(" "));
  expect(run).toMatchObject({ exitCode: 2, stdout: "" });
  expect(run.stderr).toContain(says);
  expect(run.stderr).not.toContain("mistake in Attune");
  expect(readdirSync(empty)).toEqual(["policy.json"]);
  rmSync(empty, { recursive: true });
});

it("[HB60] attune audit verify names the row that somebody has changed in the file", async () => {
  expect((await attune("audit verify")).exitCode).toBe(0);
  expect(await hub.stop()).toBe(0);
  const file = new Database(join(folder, "attune-data", "attune.db"));
  file.exec("DROP TRIGGER audit_never_changes");
  file.exec("UPDATE audit SET reason = 'nothing happened' WHERE sequence = 2");
  file.close();
  hub = await startHubProcess(folder);
  const run = await attune("audit verify");
  expect(run.exitCode).toBe(7);
  expect(`${run.stdout}${run.stderr}`).toMatch(/broken.*\b2\b/s);
});
