// A hub that is stopped in the middle of things ends as it should: with exit code 0.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  buildPerceptron,
  buildReference,
  createModelPackage,
  createOrtRuntime,
  encodeModelPackage,
  learningDefaults,
} from "@attune/device-runtime/model";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { unwrap } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { encodeValidationSet, type LineSummary } from "../src/index.ts";
import { type HubProcess, runAttune, startHubProcess } from "./operator/attuneProcess.ts";
import { line } from "./testHub.ts";

const samples = 90_000;
const windowLength = 4;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "attune-closing-"));
  const windows = Float32Array.from({ length: samples * windowLength }, (_, at) => Math.sin(at));
  writeFileSync(
    join(folder, "people.validation"),
    encodeValidationSet({
      windowLength,
      windows,
      labels: ["a", "b"],
      labelOf: Uint16Array.from({ length: samples }, (_, at) => at % 2),
      persons: ["p1", "p2"],
      personOf: Uint16Array.from({ length: samples }, (_, at) => (at >> 1) % 2),
    }),
  );
  // Large enough to compute for half a minute: the hub is stopped long before.
  const model = buildPerceptron(
    { inputSize: windowLength, hidden: [2048, 2048, 16], classCount: 2 },
    createSeededRandom("large"),
  );
  const preprocessing = {
    labels: ["a", "b"],
    channels: ["w", "x", "y", "z"].map((name) => ({ name, offset: 0, scale: 1 })),
    windowSamples: 1,
    hopSamples: 1,
    sampleRateHz: 1,
    layout: "channelsFirst" as const,
  };
  const known = {
    windows: windows.slice(0, 80),
    labels: Int32Array.from({ length: 20 }, (_, at) => at % 2),
  };
  const runtime = createOrtRuntime(await import("onnxruntime-node"));
  const calibration = unwrap(
    await buildReference({ model, preprocessing, fit: known, check: known, runtime }),
  );
  const learning = learningDefaults();
  const made = createModelPackage({ line, model, preprocessing, calibration, learning });
  writeFileSync(join(folder, "large.attune"), encodeModelPackage(unwrap(made), nodeCryptography));
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

/** Seconds of processor time that a process has used, by Linux. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

it("[HB95] a hub that is stopped while a validation set is answered ends by itself, and judges again at its next start", async ({
  skip,
  onTestFinished,
}) => {
  skip(!existsSync("/proc/self/stat"), "needs /proc: run it on Linux");
  const hub = await startHubProcess(folder);
  onTestFinished(() => void hub.child.kill("SIGKILL"));
  const attune = async (words: string): Promise<string> => {
    const run = await runAttune(folder, words.split(" "));
    expect(run.exitCode, run.stderr).toBe(0);
    return run.stdout;
  };
  await attune("signer init");
  // Before the first version: then that one is answered as well.
  const stored = await fetch(`${hub.httpUrl}/api/lines/${line}/validation-set`, {
    method: "PUT",
    headers: { authorization: `Bearer ${hub.adminToken}` },
    body: readFileSync(join(folder, "people.validation")),
  });
  expect(stored.status).toBe(200);
  await attune(`model add large.attune --line ${line}`);
  const pid = hub.child.pid ?? 0;
  // Nothing else takes time: after a second of it the engine is computing.
  const before = cpuSeconds(pid);
  const stage = async ({ httpUrl }: HubProcess): Promise<string | undefined> => {
    const answer = await fetch(`${httpUrl}/api/lines/${line}`, {
      headers: { authorization: `Bearer ${hub.adminToken}` },
    });
    return ((await answer.json()) as LineSummary).challenger?.stage;
  };
  do expect(await stage(hub)).toBe("validating");
  while (cpuSeconds(pid) < before + 1.5);
  expect(await hub.stop(), hub.told()).toBe(0);
  const again = await startHubProcess(folder);
  expect(await stage(again)).toBe("validating");
  expect(await again.stop()).toBe(0);
}, 120_000);
