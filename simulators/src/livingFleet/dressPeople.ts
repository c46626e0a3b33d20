// Gives everybody of a population a real device, over the real broker, with files of its own. It decides nothing.
import { join } from "node:path";
import { type Clock, createInference } from "@attune/device-runtime";
import type { OrtRuntime } from "@attune/device-runtime/model";
import { createDevice, createTrainerPool } from "@attune/device-runtime/node";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { nodeCryptography } from "@attune/protocol/node";
import type { Person } from "../people/person.ts";
import { createWearable, type DeviceNews, type Wearable } from "./wearable.ts";

/** What devices are made with. */
export interface DressOptions {
  readonly people: readonly Person[];
  readonly seed: number;
  readonly mqttUrl: string;
  readonly enrolmentToken: string;
  readonly modelPackage: Uint8Array;
  /** Each device gets a folder in it. */
  readonly folder: string;
  readonly clock: Clock;
  readonly runtime: OrtRuntime;
  readonly onNews: (id: string, news: DeviceNews) => void;
  readonly onFault: (error: unknown) => void;
}

/** Everybody with a device. */
export interface DressedPeople {
  readonly wearables: readonly Wearable[];
  close(): Promise<void>;
}

/** Makes the devices. They share one inference and one training worker; nothing else. */
export async function dressPeople(options: DressOptions): Promise<DressedPeople> {
  const { people, seed, clock } = options;
  const inference = createInference(options.runtime, nodeCryptography);
  // One thread: the other core is this one's, which answers.
  const trainer = createTrainerPool({ workerCount: 1 });
  const wearables: Wearable[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(wearables.map(({ device }) => device.close()));
    await trainer.close();
  };
  try {
    for (const person of people) {
      const id = person.id.replace("person", "watch");
      const random = createSeededRandom(seed).fork("wearables").fork(id);
      const device = await createDevice({
        model: options.modelPackage,
        store: join(options.folder, id),
        hub: options.mqttUrl,
        enrolmentToken: options.enrolmentToken,
        proposedId: id,
        contribute: true,
        clock,
        random: random.fork("device"),
        trainer,
        inference,
      });
      const { onNews, onFault } = options;
      wearables.push(
        createWearable({
          device,
          id,
          person,
          clock,
          random: random.fork("habits"),
          onNews,
          onFault,
        }),
      );
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { wearables, close };
}
