// Main file of a process that holds one device and its person, and is killed at a given moment. What it says is in a file, written before
// the next instruction: a pipe would lose what was said last.
import { readFileSync, writeSync } from "node:fs";
import { scheduler } from "node:timers/promises";
import {
  createDevice,
  createFileStorage,
  createMqttLink,
  createTrainerPool,
  type Device,
} from "@attune/device-runtime/node";
import { createSeededRandom, intBelow } from "@attune/device-runtime/testing";
import { type Moment, mortalPorts, type Watch } from "./mortalMoment.ts";
import { mortalLabels, mortalWindow } from "./mortalPackage.ts";

/** What the process is started with. */
export interface MortalPlan {
  readonly folder: string;
  readonly packageFile: string;
  readonly mqttUrl: string;
  readonly enrolmentToken: string;
  readonly seed: string;
  /** Null: it lives until it is told to end. */
  readonly moment: Moment | null;
}

/** What the process says, one line of JSON each. */
export type MortalWord =
  | {
      readonly says: "started";
      readonly version: string;
      readonly label: string;
      /** Contributions that waited for the hub's receipt. */
      readonly waiting: readonly string[];
    }
  | { readonly says: "contributed" | "committed"; readonly digest: string }
  | { readonly says: "refused"; readonly digest: string; readonly code: string }
  | { readonly says: "activated"; readonly version: string }
  | { readonly says: "fault"; readonly text: string };

/** From one window of the person to the next; nobody waits for anything in it. */
const PACE_MS = 4;

/** Written by the parent's side: descriptor 3 is a file. */
const say = (word: MortalWord): void => void writeSync(3, `${JSON.stringify(word)}\n`);

function listen(device: Device, watch: Pick<Watch, "activated" | "contributed">): void {
  device.on("contributed", ({ digest }) => {
    say({ says: "contributed", digest });
    watch.contributed();
  });
  device.on("receipted", ({ kind, outcome, digest, code }) => {
    if (kind !== "contribution") return;
    say(outcome === "committed" ? { says: outcome, digest } : { says: outcome, digest, code });
  });
  device.on("activated", ({ modelVersion }) => {
    say({ says: "activated", version: modelVersion });
    watch.activated();
  });
}

const contributions = (device: Device): string[] =>
  device
    .inspect()
    .outbox.entries.flatMap(({ kind, digest }) => (kind === "contribution" ? [digest] : []));

async function live(plan: MortalPlan): Promise<void> {
  const trainer = createTrainerPool({ workerCount: 1 });
  const { activated, contributed, ...ports } = mortalPorts(plan.moment, {
    storage: await createFileStorage(plan.folder),
    link: createMqttLink(plan.mqttUrl),
    trainer,
  });
  const device = await createDevice({
    ...ports,
    model: plan.packageFile,
    enrolmentToken: plan.enrolmentToken,
    proposedId: "mortal",
    contribute: true,
  });
  const waiting = contributions(device);
  listen(device, { activated, contributed });
  const random = createSeededRandom(plan.seed);
  const user = device.user("wearer");
  const first = await user.predict(mortalWindow(random, 0));
  say({ says: "started", version: first.modelVersion, label: first.label, waiting });

  const ending = new AbortController();
  process.once("message", () => ending.abort());
  while (!ending.signal.aborted) {
    const label = intBelow(random, mortalLabels.length);
    const { predictionId } = await user.predict(mortalWindow(random, label));
    await user.feedback(predictionId, mortalLabels[label] as string);
    await scheduler.wait(PACE_MS);
  }
  await device.whenIdle();
  while (contributions(device).length > 0) {
    await new Promise<void>((resolve) => {
      const off = device.on("receipted", () => {
        off();
        resolve();
      });
    });
  }
  await device.close();
  await trainer.close();
  process.disconnect();
}

process.on("disconnect", () => process.exit(0));
try {
  await live(JSON.parse(readFileSync(process.argv[2] as string, "utf8")) as MortalPlan);
} catch (error) {
  say({ says: "fault", text: error instanceof Error ? (error.stack ?? "") : String(error) });
  process.exit(1);
}
