import type { FleetId } from "@attune/protocol";
import { describe, expect, it } from "vitest";
import { freePort, hasMosquitto, startMosquitto } from "../../../test/mosquitto.ts";
import { brokerContract, createHeard } from "./broker.contract.ts";
import { createExternalBroker } from "./externalBroker.ts";

const fleet = "home" as FleetId;
describe.skipIf(!hasMosquitto)("with Mosquitto, which needs Debian's mosquitto", () => {
  brokerContract(fleet, async () => {
    const running = await startMosquitto();
    return { broker: createExternalBroker({ fleet, url: running.url }), close: running.stop };
  });

  it("[HB3] when the broker comes back the hub is told, so that it publishes again what the broker has forgotten", async () => {
    const running = await startMosquitto();
    const broker = createExternalBroker({ fleet, url: running.url });
    const heard = createHeard(fleet);
    await broker.start(heard.handlers);
    await running.restart();
    await heard.until(() => heard.connections.length === 3);
    expect(heard.connections).toEqual([true, false, true]);
    await broker.publish("attune/v1/home/trust", new Uint8Array(1), true);
    await broker.close();
    await running.stop();
  });
});

it("[HB3] a broker that is not there is a Fault with a hint", async () => {
  const port = await freePort();
  const broker = createExternalBroker({ fleet, url: `mqtt://127.0.0.1:${port}` });
  await expect(broker.start(createHeard(fleet).handlers)).rejects.toMatchObject({
    code: "broker.unavailable",
  });
});

it("[HB97] shows nobody the password in a broker's address", async () => {
  const url = `mqtt://hub:secret@127.0.0.1:${await freePort()}`;
  const broker = createExternalBroker({ fleet, url });
  const fault = await broker.start(createHeard(fleet).handlers).catch((error: Error) => error);
  expect((fault as Error).message).toMatch(/^the broker at mqtt:\/\/127\.0\.0\.1:\d+ /);
});
