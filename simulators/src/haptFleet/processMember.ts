// A member in an OS process of its own, asked over the process's channel. It must not hold anything of the member here.
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Fault } from "@attune/protocol";
import type { FleetMember, MemberPlan } from "./fleetMember.ts";
import type { MemberCalls, MemberQuestion, MemberReply } from "./memberCalls.ts";

/** What the process has said, its end mostly. */
const LOG_CHARACTERS_MAX = 4000;

/**
 * Starts a process and opens the member in it.
 *
 * @throws Fault `member.process_failed`; every later call may throw it too
 */
export async function openProcessMember(plan: MemberPlan): Promise<FleetMember> {
  const file = import.meta.url.endsWith(".ts") ? "./memberProcess.ts" : "./memberProcess.js";
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
    serialization: "advanced",
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // A group of its own: ctrl-C reaches this process only, whose end is theirs.
    detached: true,
  });
  const ask = askOver(child, plan.id);
  const calls: MemberCalls = {
    open: (words) => ask("open", words),
    live: (step) => ask("live", step),
    advanceTo: (atMs) => ask("advanceTo", atMs),
    standing: () => ask("standing"),
    answer: (windows) => ask("answer", windows),
    record: () => ask("record"),
    async close() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      await ask("close").finally(() => {
        if (child.connected) child.disconnect();
      });
      await ended;
    },
  };
  try {
    await calls.open(plan);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  const { open: _, ...member } = calls;
  return { id: plan.id, ...member };
}

function askOver(
  child: ChildProcess,
  name: string,
): <T>(call: keyof MemberCalls, ...words: readonly unknown[]) => Promise<T> {
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-LOG_CHARACTERS_MAX);
    });
  }
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let lastId = 0;
  const failed = (message: string): Fault =>
    new Fault(`the process of ${name} ${message}`, {
      code: "member.process_failed",
      hint: said === "" ? "it said nothing" : said,
    });
  child.on("message", ({ id, value, failure }: MemberReply) => {
    const asked = waiting.get(id);
    waiting.delete(id);
    if (failure === undefined) asked?.resolve(value);
    else asked?.reject(failed(`says: ${failure}`));
  });
  child.once("exit", (code, signal) => {
    for (const { reject } of waiting.values())
      reject(failed(`ended by itself (${signal ?? code})`));
    waiting.clear();
  });
  return <T>(call: keyof MemberCalls, ...words: readonly unknown[]) =>
    new Promise<T>((resolve, reject) => {
      lastId += 1;
      waiting.set(lastId, { resolve: (value) => resolve(value as T), reject });
      const question: MemberQuestion = { id: lastId, call, words };
      child.send(question, (error) => {
        if (error === null) return;
        waiting.delete(question.id);
        reject(failed(`cannot be reached: ${error.message}`));
      });
    });
}
