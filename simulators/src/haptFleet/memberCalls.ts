// What a process and its parent say to each other about one member. Types only.
import type { FleetMember, MemberPlan } from "./fleetMember.ts";

/** What can be asked of a member. */
export type MemberCalls = {
  readonly [K in Exclude<keyof FleetMember, "id">]: FleetMember[K];
} & { readonly open: (plan: MemberPlan) => Promise<void> };

/** A question to the process. */
export interface MemberQuestion {
  readonly id: number;
  readonly call: keyof MemberCalls;
  readonly words: readonly unknown[];
}

/** Its answer. */
export interface MemberReply {
  readonly id: number;
  readonly value?: unknown;
  /** Set when it failed. */
  readonly failure?: string;
}
