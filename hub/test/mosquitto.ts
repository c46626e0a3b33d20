// Debian's mosquitto for tests of a hub whose broker is elsewhere.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Debian's broker, if it is installed. */
const mosquitto = [
  "/usr/sbin/mosquitto",
  "/usr/local/sbin/mosquitto",
  "/opt/homebrew/sbin/mosquitto",
].find(existsSync);
/** Whether tests with a broker elsewhere can run; says how to get one when they cannot. */
export const hasMosquitto: boolean = mosquitto !== undefined;
if (!hasMosquitto) {
  console.log("Skipped: a broker elsewhere. Install one: apt-get install mosquitto");
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** A broker that runs. */
export interface Mosquitto {
  readonly url: string;
  stop(): Promise<void>;
  /** Starts it again on the same port, with nothing retained. */
  restart(): Promise<void>;
}

/** Starts Debian's broker on a free port, open to everybody on this machine. */
export async function startMosquitto(): Promise<Mosquitto> {
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
