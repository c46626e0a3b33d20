// A hub that takes long to answer an enrolment is asked again. Whichever of its answers the device hears first must let it in for ever: a
// device went offline at its first reconnection, because the second answer had made the first one's credential worthless.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSystemClock } from "@attune/device-runtime";
import { encodeModelPackage } from "@attune/device-runtime/model";
import {
  createDevice,
  createMqttLink,
  type Device,
  type Link,
  loadNodeOrt,
} from "@attune/device-runtime/node";
import { createManualClock, createMemoryStorage } from "@attune/device-runtime/testing";
import { nodeCryptography } from "@attune/protocol/node";
import { expect, it, onTestFinished } from "vitest";
import { foundHub } from "../../src/livingFleet/foundHub.ts";
import { MORTAL_LINE, mortalPackage, mortalValidationSet } from "../mortalPackage.ts";

/** A link that keeps the hub's answers to enrolments back. */
function withholdReplies(link: Link): {
  readonly link: Link;
  /** Resolves when so many answers have come. */
  came(count: number): Promise<void>;
  /** The device hears the first of them. */
  deliverFirst(): void;
} {
  const replies: { readonly topic: string; readonly payload: Uint8Array }[] = [];
  let looks: (() => void)[] = [];
  let hear: ((topic: string, payload: Uint8Array) => void) | null = null;
  return {
    link: {
      connect: (options, handlers) => {
        hear = handlers.message;
        return link.connect(options, {
          ...handlers,
          message(topic, payload) {
            if (!/\/enrol\/[0-9a-f]{32}\/down$/.test(topic)) {
              handlers.message(topic, payload);
              return;
            }
            replies.push({ topic, payload });
            for (const look of looks) look();
          },
        });
      },
    },
    came: (count) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (replies.length >= count) resolve();
        };
        looks = [...looks, look];
        look();
      }),
    deliverFirst() {
      const [first] = replies;
      if (first !== undefined) hear?.(first.topic, first.payload);
    },
  };
}

/** Resolves at the first event of the link that fulfils a condition. */
const linkIs = (device: Device, states: readonly string[]): Promise<string> =>
  new Promise((resolve) => {
    const off = device.on("link", ({ state, reason }) => {
      if (!states.includes(state)) return;
      off();
      resolve(`${state}: ${reason}`);
    });
  });

it("[DR22] a device whose request was answered twice gets in again after it was let in", {
  timeout: 60_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "attune-enrolment-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  const modelPackage = await mortalPackage(await loadNodeOrt());
  const founded = await foundHub({
    folder,
    clock: createSystemClock(),
    fleet: "slow",
    line: MORTAL_LINE,
    policy: {},
    delegationNormMax: 1,
    signerEveryMs: 50,
    onLost: (fault) => {
      throw fault;
    },
    signal: new AbortController().signal,
  });
  onTestFinished(() => founded.close());
  await founded.release(mortalValidationSet(), encodeModelPackage(modelPackage, nodeCryptography));

  const clock = createManualClock();
  const held = withholdReplies(createMqttLink(founded.mqttUrl));
  const storage = createMemoryStorage();
  const options = { model: modelPackage, storage, clock };
  const device = await createDevice({
    ...options,
    link: held.link,
    enrolmentToken: await founded.enrolmentToken(1),
  });
  await held.came(1);
  // No answer, as far as the device can see: it takes the connection for stuck, and asks again.
  const asksAgain = linkIs(device, ["online"]);
  clock.advance(30_000);
  await device.whenIdle();
  clock.advance(1_000);
  expect(await asksAgain).toBe("online: enrol");
  await held.came(2);
  const isEnrolled = linkIs(device, ["offline"]);
  held.deliverFirst();
  expect(await isEnrolled).toBe("offline: enrolled");
  await device.close();

  const again = await createDevice({ ...options, hub: founded.mqttUrl });
  onTestFinished(() => again.close());
  const { state } = again.inspect().link;
  const reached = state === "online" ? state : await linkIs(again, ["online", "offline"]);
  expect(reached).toMatch(/^online/);
  expect(again.inspect().enrolment.state).toBe("enrolled");
});
