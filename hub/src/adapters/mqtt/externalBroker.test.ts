import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FleetId } from "@attune/protocol";
import { describe, expect, it } from "vitest";
import { brokerContract, createHeard } from "./broker.contract.ts";
import { createExternalBroker } from "./externalBroker.ts";

const fleet = "home" as FleetId;
const mosquitto = [
  "/usr/sbin/mosquitto",
  "/usr/local/sbin/mosquitto",
  "/opt/homebrew/sbin/mosquitto",
].find(existsSync);
if (mosquitto === undefined) {
  console.log("Skipped: a broker elsewhere. Install one: apt-get install mosquitto");
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

interface Mosquitto {
  readonly url: string;
  stop(): Promise<void>;
  /** Starts it again on the same port, with nothing retained. */
  restart(): Promise<void>;
}

async function startMosquitto(): Promise<Mosquitto> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "attune-mosquitto-"));
  const config = join(folder, "mosquitto.conf");
  writeFileSync(
    config,
    `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type all\n`,
  );
  let child: ChildProcess;
  const run = async (): Promise<void> => {
    child = spawn(mosquitto ?? "", ["-c", config], { stdio: ["ignore", "ignore", "pipe"] });
    await new Promise<void>((resolve, reject) => {
      child.once("exit", () => reject(new Error("mosquitto ended")));
      child.stderr?.on("data", (text) => {
        if (String(text).includes("running")) resolve();
      });
    });
  };
  const stop = async (): Promise<void> => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill();
    await ended;
  };
  await run();
  return {
    url: `mqtt://127.0.0.1:${port}`,
    async stop() {
      await stop();
      rmSync(folder, { recursive: true });
    },
    async restart() {
      await stop();
      await run();
    },
  };
}

describe.skipIf(mosquitto === undefined)("with Mosquitto", () => {
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
