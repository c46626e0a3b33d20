// Gives everybody of a population a real device, over the real broker. It decides nothing.
import { type Clock, createInference } from "@attune/device-runtime";
import type { OrtRuntime } from "@attune/device-runtime/model";
import { createDevice, createTrainerPool } from "@attune/device-runtime/node";
import { createMemoryStorage, createSeededRandom } from "@attune/device-runtime/testing";
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

/**
 * Makes the devices. They share one inference and one training worker; nothing else.
 *
 * What they keep is in memory. Thirty devices that write, sync and rename files on one disk make each other wait for longer than the
 * quarter of a second that 30 virtual seconds are here, and then take the broker for dead.
 */
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
        storage: createMemoryStorage(),
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
