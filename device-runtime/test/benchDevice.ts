// A device in virtual time, and a person who uses it.
import { nodeCryptography } from "@attune/protocol/node";
import { createInlineTrainer } from "../src/adapters/inlineTrainer.ts";
import { createManualClock, type ManualClock } from "../src/adapters/manualClock.ts";
import { createMemoryStorage } from "../src/adapters/memoryStorage.ts";
import { createInference } from "../src/adapters/ortInference.ts";
import { createSeededRandom } from "../src/adapters/seededRandom.ts";
import type { DeviceEvents } from "../src/core/notices.ts";
import type { Device, DeviceUser } from "../src/device/device.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import { createDevice, type DeviceOptions } from "../src/node/createDevice.ts";
import type { ModelPackage } from "../src/package/modelPackage.ts";
import { type ForkableRandom, intBelow } from "../src/ports/random.ts";
import type { Storage } from "../src/ports/storage.ts";
import type { BenchHub } from "./benchHub.ts";
import { fileOf, labels, windowOf } from "./benchModel.ts";

/** A device with what it runs on. */
export interface BenchDevice {
  readonly device: Device;
  readonly clock: ManualClock;
  readonly storage: Storage;
  /** Everything that the app was told, in order. */
  readonly events: { readonly name: keyof DeviceEvents; readonly event: unknown }[];
  /** Lets time pass, deadline by deadline. */
  pass(ms: number): Promise<void>;
}

const eventNames = [
  "enrolled",
  "assigned",
  "alarm",
  "drifted",
  "ruleBroken",
  "quarantined",
  "feedbackWanted",
  "training",
  "trained",
  "abandoned",
  "adopted",
  "dropped",
  "reverted",
  "contributed",
  "withheld",
  "receipted",
  "decided",
  "activated",
  "baked",
  "personal",
  "refused",
] as const;

/** Opens a device in virtual time. */
export async function openBenchDevice(
  runtime: OrtRuntime,
  modelPackage: ModelPackage,
  options: Partial<DeviceOptions> & {
    readonly hub_?: BenchHub;
    readonly clock?: ManualClock;
  } = {},
): Promise<BenchDevice> {
  const { hub_: hub, ...rest } = options;
  const clock = options.clock ?? createManualClock(Date.UTC(2026, 0, 5));
  const storage = options.storage ?? createMemoryStorage();
  const device = await createDevice({
    model: fileOf(modelPackage),
    random: createSeededRandom("device"),
    inference: createInference(runtime, nodeCryptography),
    trainer: createInlineTrainer(runtime),
    ...(hub === undefined ? {} : { link: hub.broker.link, enrolmentToken: hub.token }),
    ...rest,
    clock,
    storage,
  });
  const events: BenchDevice["events"] = [];
  for (const name of eventNames) device.on(name, (event) => events.push({ name, event }));
  await device.whenIdle();
  return {
    device,
    clock,
    storage,
    events,
    async pass(ms) {
      const untilMs = clock.nowMs() + ms;
      await device.whenIdle();
      for (;;) {
        const dueMs = clock.nextDueMs();
        if (dueMs === null || dueMs > untilMs) break;
        clock.runNext();
        await device.whenIdle();
      }
      clock.advanceTo(untilMs);
      await device.whenIdle();
    },
  };
}

/** A person: what is done is drawn, and told after each answer. */
export interface Person {
  /** So many windows, a minute apart, with feedback; gives the share of right answers. */
  live(count: number, turn: number): Promise<number>;
}

/** Creates a person who uses a device. */
export function createPerson(bench: BenchDevice, user: DeviceUser, random: ForkableRandom): Person {
  return {
    async live(count, turn) {
      let correct = 0;
      for (let index = 0; index < count; index += 1) {
        const label = intBelow(random, 3);
        const answer = await user.predict(windowOf(random, label, turn));
        if (answer.label === labels[label]) correct += 1;
        await user.feedback(answer.predictionId, labels[label] as string);
        await bench.device.whenIdle();
        await bench.pass(60_000);
      }
      return correct / count;
    },
  };
}
