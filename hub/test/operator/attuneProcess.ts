// The real `attune` as a child process, for tests: what it prints, what it exits with.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const bin: string = join(import.meta.dirname, "../../bin/attune.js");

/** What one run left behind. */
export interface AttuneRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `attune` in a folder, with nothing of this process's own settings. */
function spawnAttune(
  folder: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  return spawn(process.execPath, [bin, ...words], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Runs `attune` to its end. */
export async function runAttune(
  folder: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<AttuneRun> {
  const child = spawnAttune(folder, words, environment);
  const texts = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk: Buffer) => {
    texts.stdout += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    texts.stderr += chunk.toString();
  });
  const [exitCode] = (await once(child, "close")) as [number | null];
  return { exitCode, ...texts };
}

/** A hub in a process of its own. */
export interface HubProcess {
  readonly httpUrl: string;
  readonly mqttUrl: string;
  readonly pageUrl: string;
  readonly adminToken: string | null;
  readonly child: ChildProcess;
  /** What it has told so far. */
  readonly told: () => string;
  /** As ctrl-C does; resolves with the exit code. */
  stop(): Promise<number | null>;
}

/** Runs `attune hub start` on any free ports and waits until it listens. */
export async function startHubProcess(
  folder: string,
  words: readonly string[] = [],
): Promise<HubProcess> {
  const child = spawnAttune(folder, [
    ..."hub start -o ndjson --http-port 0 --mqtt-port 0 --ws-port 0".split(" "),
    ...words,
  ]);
  let told = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    told += chunk.toString();
  });
  const started = await new Promise<string>((resolve, reject) => {
    let line = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      line += chunk.toString();
      if (line.includes("\n")) resolve(line);
    });
    child.once("exit", () => reject(new Error(`the hub did not start: ${told}`)));
  });
  const addresses = JSON.parse(started) as Pick<
    HubProcess,
    "httpUrl" | "mqttUrl" | "pageUrl" | "adminToken"
  >;
  return {
    ...addresses,
    child,
    told: () => told,
    stop: async () => {
      if (child.exitCode !== null) return child.exitCode;
      const ended = once(child, "exit") as Promise<[number | null]>;
      child.kill("SIGINT");
      return (await ended)[0];
    },
  };
}

/** A command that runs until it is stopped. */
export interface LongProcess {
  /** What it has told so far, on both streams. */
  readonly told: () => string;
  /** Resolves when it has told this. */
  until(words: RegExp): Promise<void>;
  /** As ctrl-C does; resolves with the exit code. */
  stop(): Promise<number | null>;
}

/** Starts a command that does not end by itself. */
export function startLongProcess(folder: string, words: readonly string[]): LongProcess {
  const child = spawnAttune(folder, words);
  let told = "";
  const looks = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      told += chunk.toString();
      for (const look of looks) look();
    });
  }
  const ended = once(child, "exit") as Promise<[number | null]>;
  return {
    told: () => told,
    until: (expected) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!expected.test(told)) return;
          looks.delete(look);
          resolve();
        };
        looks.add(look);
        void ended.then(() => reject(new Error(`it ended before ${expected}: ${told}`)));
        look();
      }),
    stop: async () => {
      child.kill("SIGINT");
      return (await ended)[0];
    },
  };
}
