// `attune signer` as its own process, with its own folder: this process never sees a release key. It must not sign anything.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Fault } from "@attune/protocol";

/** A signer that runs. */
export interface SignerProcess {
  /** Allows it to co-sign aggregates near a released version. */
  delegate(base: string, normMax: number): Promise<void>;
  /** Ends it and waits for that. Harmless twice. */
  close(): Promise<void>;
}

/** How to start one. */
export interface SignerOptions {
  readonly folder: string;
  readonly hubUrl: string;
  readonly adminToken: string;
  readonly everyMs: number;
  /** The process has ended though nobody asked it to. */
  readonly onLost: (fault: Fault) => void;
}

/** What a process has said, its end mostly. */
const LOG_CHARACTERS_MAX = 4000;

/** A process that does not end when asked is ended after so long. */
const CLOSE_MS_MAX = 3000;

/** Makes demo keys and the fleet's trust root, gives the root to the hub, and starts to answer signing requests. */
export async function startSigner(options: SignerOptions): Promise<SignerProcess> {
  const { folder, hubUrl, adminToken, everyMs } = options;
  await runSigner(["init", "--demo", "--folder", folder, "--hub", hubUrl], adminToken);
  const { child, log } = spawnSigner(
    ["run", "--folder", folder, "--every", `${everyMs}ms`, "--approve-imports"],
    null,
  );
  let isClosing = false;
  const ended = new Promise<void>((resolve) => {
    child.once("exit", (code, signal) => {
      resolve();
      if (isClosing) return;
      options.onLost(
        new Fault(`the signer ended by itself (${signal ?? code}):\n${log()}`, {
          code: "signer.lost",
          hint: "its own last words are above",
        }),
      );
    });
  });
  return {
    delegate: (base, normMax) =>
      runSigner(["delegate", "--folder", folder, "--base", base, "--norm-max", `${normMax}`], null),
    async close() {
      if (!isClosing) {
        isClosing = true;
        child.kill("SIGTERM");
      }
      const timer = setTimeout(() => child.kill("SIGKILL"), CLOSE_MS_MAX);
      await ended;
      clearTimeout(timer);
    },
  };
}

async function runSigner(words: readonly string[], adminToken: string | null): Promise<void> {
  const { child, log } = spawnSigner(words, adminToken);
  const code = await new Promise<number | null>((resolve) => {
    child.once("exit", resolve);
  });
  if (code === 0) return;
  throw new Fault(`attune signer ${words[0]} failed (${code}):\n${log()}`, {
    code: "signer.command_failed",
    hint: "its own words are above",
  });
}

function spawnSigner(
  words: readonly string[],
  adminToken: string | null,
): { readonly child: ChildProcess; readonly log: () => string } {
  const bin = fileURLToPath(
    new URL("bin/attune.js", import.meta.resolve("@attune/hub/package.json")),
  );
  const child = spawn(process.execPath, [bin, "signer", ...words], {
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own: ctrl-C reaches this process only, which then ends the signer in its turn.
    detached: true,
    // The token goes by the environment: arguments can be read by every user of the machine.
    env: { ...process.env, ...(adminToken === null ? {} : { ATTUNE_TOKEN: adminToken }) },
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-LOG_CHARACTERS_MAX);
    });
  }
  return { child, log: () => said.trim() };
}
