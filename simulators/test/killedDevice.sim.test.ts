// A device in a process of its own that is killed ten times in the middle of a fleet's life: real hub, broker, signer, disk, training. What
// it had promised is kept, and what it answers with was released.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { scheduler } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createInference, createInlineTrainer, createSystemClock } from "@attune/device-runtime";
import { encodeModelPackage, type ModelPackage } from "@attune/device-runtime/model";
import { createDevice, loadNodeOrt } from "@attune/device-runtime/node";
import {
  createMemoryStorage,
  createSeededRandom,
  intBelow,
  shuffle,
} from "@attune/device-runtime/testing";
import type { HubState, VersionDetail } from "@attune/hub";
import { nodeCryptography } from "@attune/protocol/node";
import { expect, it, onTestFinished } from "vitest";
import { type FoundedHub, foundHub, untilState } from "../src/livingFleet/foundHub.ts";
import type { Moment, Occasion } from "./mortalMoment.ts";
import {
  MORTAL_LINE,
  mortalLabels,
  mortalPackage,
  mortalValidationSet,
  mortalWindow,
  otherMortal,
} from "./mortalPackage.ts";
import type { MortalPlan, MortalWord } from "./mortalProcess.ts";

const SEED = "ten kills";
const COMPANIONS = 3;
const COMPANION_PACE_MS = 40;

/** Every occasion once, and how often it may come before it kills. */
const occasions: Readonly<Record<Occasion, number>> = {
  starts: 6,
  "writes the device's journal": 15,
  "syncs the device's journal": 15,
  "writes a user's journal": 30,
  trains: 15,
  "keeps personal parameters": 4,
  "puts a delta into the outbox": 4,
  "sends a delta": 2,
  "fetches a version": 6,
  bakes: 8,
};

const occasionCount = Object.keys(occasions).length;

/** In what order, and when exactly; as random as its seed. */
function moments(): readonly Moment[] {
  const random = createSeededRandom(SEED);
  const all = Object.entries(occasions).map(
    ([occasion, timeMax]): Moment => ({
      afterDeltas: occasion === "starts" ? 0 : 1 + intBelow(random, 4),
      occasion: occasion as Occasion,
      time: 1 + intBelow(random, timeMax),
      when: (["before", "during", "after"] as const)[intBelow(random, 3)] as Moment["when"],
    }),
  );
  shuffle(random, all);
  return all;
}

/** A hub whose guards only look on, so that versions come and go all the time. */
async function foundBusyHub(
  folder: string,
  modelPackage: ModelPackage,
  signal: AbortSignal,
): Promise<FoundedHub> {
  const founded = await foundHub({
    folder,
    clock: createSystemClock(),
    fleet: "mortals",
    line: MORTAL_LINE,
    policy: {
      guards: "off",
      window: { quorum: 4, contributionsMin: 2, deadlineMs: 2000 },
      gate: { shadow: { devicesMin: 1, deadlineMs: 200, imported: false }, holdDeadlineMs: 100 },
      rollout: {
        canaryDevices: 3,
        watchMs: 200,
        canaryDeadlineMs: 500,
        atCanaryDeadline: "spread",
        spreadDeadlineMs: 500,
        bakeMs: 300,
      },
    },
    delegationNormMax: 10,
    signerEveryMs: 50,
    onLost: (fault) => {
      throw fault;
    },
    signal,
  });
  await founded.release(mortalValidationSet(), encodeModelPackage(modelPackage, nodeCryptography));
  return founded;
}

/** Others of the fleet, in this process. @returns ends them */
async function startCompanions(
  founded: FoundedHub,
  modelPackage: ModelPackage,
): Promise<() => Promise<void>> {
  const runtime = await loadNodeOrt();
  const trainer = createInlineTrainer(runtime);
  const inference = createInference(runtime, nodeCryptography);
  const enrolmentToken = await founded.enrolmentToken(COMPANIONS);
  const over = new AbortController();
  const lives = Array.from({ length: COMPANIONS }, async (_, index) => {
    const random = createSeededRandom(`companion ${index}`);
    const device = await createDevice({
      model: modelPackage,
      storage: createMemoryStorage(),
      hub: founded.mqttUrl,
      enrolmentToken,
      proposedId: `companion-${index}`,
      contribute: true,
      trainer,
      inference,
    });
    const user = device.user("wearer");
    while (!over.signal.aborted) {
      const label = intBelow(random, mortalLabels.length);
      const { predictionId } = await user.predict(mortalWindow(random, label));
      await user.feedback(predictionId, mortalLabels[label] as string);
      await scheduler.wait(COMPANION_PACE_MS);
    }
    await device.close();
  });
  return async () => {
    over.abort();
    await Promise.all(lives);
    await trainer.close();
  };
}

/** Brings versions and takes them back, again and again, until the signal. */
async function operate(
  { api, hub }: FoundedHub,
  modelPackage: ModelPackage,
  signal: AbortSignal,
): Promise<void> {
  const cohort = "default";
  const first = hub.state().lines[0]?.champion?.version;
  const line = (state: HubState): HubState["lines"][number] | undefined => state.lines[0];
  for (let turn = 0; ; turn += 1) {
    const reason = `turn ${turn}`;
    const other = encodeModelPackage(otherMortal(modelPackage, reason), nodeCryptography);
    const { version } = await api.send<{ version: string }>(
      "POST",
      `/api/models?line=${MORTAL_LINE}`,
      other,
    );
    await untilState(hub, signal, (state) => line(state)?.champion?.version === version);
    await api.send("POST", "/api/rollbacks", { cohort, to: first, reason });
    await untilState(hub, signal, (state) =>
      state.devices.shown.some(({ active }) => active === first),
    );
    const pin = line(hub.state())?.cohorts[0]?.pin ?? null;
    if (pin !== null) await api.send("DELETE", `/api/pins/${MORTAL_LINE}/${cohort}`, { reason });
  }
}

it("[DR66] killed ten times at whatever it does, a device comes back with a released version, and every delta it had in its outbox is in the database once", {
  timeout: 120_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "attune-mortal-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  const controller = new AbortController();
  const runtime = await loadNodeOrt();
  const modelPackage = await mortalPackage(runtime);
  const packageFile = join(folder, "package");
  writeFileSync(packageFile, encodeModelPackage(modelPackage, nodeCryptography));
  const founded = await foundBusyHub(folder, modelPackage, controller.signal);
  onTestFinished(() => founded.close());
  const endCompanions = await startCompanions(founded, modelPackage);
  const operating = operate(founded, modelPackage, controller.signal);
  const enrolmentToken = await founded.enrolmentToken(1);
  const wordsFile = join(folder, "words");

  const start = (index: number, moment: Moment | null): ChildProcess => {
    const plan: MortalPlan = {
      folder: join(folder, "device"),
      packageFile,
      mqttUrl: founded.mqttUrl,
      enrolmentToken,
      seed: `${SEED} ${index}`,
      moment,
    };
    const planFile = join(folder, "plan");
    writeFileSync(planFile, JSON.stringify(plan));
    const file = fileURLToPath(new URL("./mortalProcess.ts", import.meta.url));
    const child = spawn(process.execPath, [...process.execArgv, file, planFile], {
      stdio: ["ignore", "inherit", "inherit", openSync(wordsFile, "a"), "ipc"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    return child;
  };
  const words = (): MortalWord[] =>
    readFileSync(wordsFile, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as MortalWord);

  for (const [index, moment] of moments().entries()) {
    const [, signal] = (await once(start(index, moment), "exit")) as [number | null, string | null];
    expect(signal, `${JSON.stringify(moment)} ${JSON.stringify(words().at(-1))}`).toBe("SIGKILL");
  }
  const beforeLast = words().length;
  const last = start(occasionCount, null);
  const ended = once(last, "exit");
  // It goes on contributing: what it makes now is committed too.
  const isFresh = (): boolean => {
    const after = words().slice(beforeLast);
    const made = new Set(
      after.flatMap((word) => (word.says === "contributed" ? [word.digest] : [])),
    );
    return after.some((word) => word.says === "committed" && made.has(word.digest));
  };
  while (!isFresh()) await scheduler.wait(20);
  const over = new Error("over");
  controller.abort(over);
  await expect(operating).rejects.toBe(over);
  last.send("end");
  expect(await ended).toEqual([0, null]);
  await endCompanions();

  const said = words();
  const starts = said.flatMap((word) => (word.says === "started" ? [word] : []));
  expect(starts.filter(({ label }) => !mortalLabels.includes(label))).toEqual([]);
  // Some kills come while it starts, before it says anything.
  expect(starts.length).toBeGreaterThan(occasionCount / 2);
  const digestsOf = (says: "contributed" | "committed"): string[] =>
    said.flatMap((word) => (word.says === says ? [word.digest] : []));
  const committed = new Set(digestsOf("committed"));
  expect(committed.size).toBeGreaterThan(occasionCount);
  const promised = new Set([
    ...digestsOf("contributed"),
    ...starts.flatMap(({ waiting }) => waiting),
  ]);
  const refused = new Map(
    said.flatMap((word) => (word.says === "refused" ? [[word.digest, word.code]] : [])),
  );
  const all = await founded.api.list<{
    readonly digest: string;
    readonly device: string;
    readonly contributionSequence: number;
  }>("/api/contributions");
  const stored = all.filter(({ device }) => device === "mortal");
  const times = (digest: string): number => stored.filter((row) => row.digest === digest).length;
  // Versions come faster here than deltas: some are too far behind, and the hub said so.
  const kept = [...promised].filter((digest) => refused.get(digest) !== "contribution.too_stale");
  expect(kept.filter((digest) => times(digest) !== 1)).toEqual([]);
  expect([...committed].filter((digest) => times(digest) !== 1)).toEqual([]);
  expect(new Set(stored.map((row) => row.contributionSequence)).size).toBe(stored.length);
  const served = new Set(
    said.flatMap((word) =>
      word.says === "started" || word.says === "activated" ? [word.version] : [],
    ),
  );
  expect(served.size).toBeGreaterThan(2);
  for (const version of served) {
    const { record } = await founded.api.get<VersionDetail>(`/api/versions/${version}`);
    expect(record).not.toBe(null);
  }
  expect(await founded.api.get("/api/audit/verify")).toMatchObject({ ok: true });
});
