// Main file of a process that holds one member: answers its parent's questions one after the other, and ends with its parent.
import { loadNodeOrt } from "@attune/device-runtime/node";
import { assertDefect } from "@attune/protocol";
import { type FleetMember, type MemberPlan, openMember, shareAmongMembers } from "./fleetMember.ts";
import type { MemberQuestion, MemberReply } from "./memberCalls.ts";

let member: FleetMember | null = null;

async function answer({ call, words }: MemberQuestion): Promise<unknown> {
  if (call === "open") {
    member = await openMember(words[0] as MemberPlan, shareAmongMembers(await loadNodeOrt()));
    return undefined;
  }
  assertDefect(member !== null, "member.not_open", `${call} before open`);
  const asked = member[call] as (...words: readonly unknown[]) => Promise<unknown>;
  return asked(...words);
}

let before: Promise<unknown> = Promise.resolve();

process.on("message", (question: MemberQuestion) => {
  const { id } = question;
  before = before
    .then(() => answer(question))
    .then(
      (value): MemberReply => ({ id, value }),
      (error: unknown): MemberReply => ({
        id,
        failure: error instanceof Error ? (error.stack ?? error.message) : String(error),
      }),
    )
    .then((reply) => process.send?.(reply));
});
process.on("disconnect", () => process.exit(0));
