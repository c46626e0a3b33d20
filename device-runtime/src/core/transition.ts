// What every machine is handed in one step: the state so far, the world, and where to note what happened.
import {
  assertDefect,
  type Cryptography,
  type DeviceId,
  type EnrolmentToken,
  type KeyPair,
  type LineId,
} from "@attune/protocol";
import type { Learning } from "../package/learning.ts";
import type { HubMachines } from "./hub/hubMachines.ts";
import type { LearningMachines } from "./learning/learningMachines.ts";
import { REFUSALS_MAX } from "./limits.ts";
import type { DeviceEvents, Notice } from "./notices.ts";
import type { SlotVersion } from "./slots/slotState.ts";
import type { DeviceState, KeptState, RefusalSubject } from "./state.ts";

/** What only a device with a hub has. */
export interface HubSettings {
  /** Whether there is anything to connect to. */
  readonly hasHub: boolean;
  /** The hub is on this machine: a demo's keys are good enough. */
  readonly isLoopback: boolean;
  readonly token: EnrolmentToken | null;
  readonly proposedId: DeviceId | null;
  readonly keyPair: KeyPair;
  readonly cryptography: Cryptography;
  readonly machines: HubMachines;
}

/** What stays the same while the runtime runs, but for parts that come later. */
export interface CoreSettings {
  readonly line: LineId;
  /** What came with the app: the first version, and the last resort. */
  readonly bundled: SlotVersion;
  /** Null without a hub, and until what speaks with hubs is here: its machines stand still meanwhile. */
  readonly hub: HubSettings | null;
  /** Null until what learns is here: what happens meanwhile is counted, and nothing follows from it yet. */
  readonly learning: LearningMachines | null;
}

/** What a step is told about the world besides the event. */
export interface CoreContext {
  readonly settings: CoreSettings;
  /** Never falls while the runtime runs, whatever the machine's clock does. */
  readonly nowMs: number;
  /** Uniform in [0, 1), drawn anew for each step. */
  readonly jitter: number;
  /** Of the active version. */
  readonly learning: Learning;
}

/** The settings that the machines of a device with a hub work with. */
export function hubOf({ settings }: CoreContext): HubSettings {
  assertDefect(settings.hub !== null, "hub.not_here", "a machine of the hub's moves without it");
  return settings.hub;
}

/** One step in the making. Machines replace `state`, they never change what it holds. */
export interface Transition {
  state: DeviceState;
  readonly context: CoreContext;
  readonly notices: Notice[];
}

/** Replaces slices of what is kept. */
export function keep(transition: Transition, slices: Partial<KeptState>): void {
  transition.state = { ...transition.state, kept: { ...transition.state.kept, ...slices } };
}

/** Replaces parts of the state that are not kept. */
export function change(
  transition: Transition,
  parts: Partial<Omit<DeviceState, "kept" | "users">>,
): void {
  transition.state = { ...transition.state, ...parts };
}

/** Tells the app. */
export function tell<K extends keyof DeviceEvents>(
  transition: Transition,
  name: K,
  event: DeviceEvents[K],
): void {
  transition.notices.push({ name, event } as Notice);
}

/** Remembers a refusal for `inspect()` and tells the app. */
export function noteRefusal(
  transition: Transition,
  about: RefusalSubject,
  refusal: { readonly code: string; readonly message: string },
): void {
  const note = {
    atMs: transition.context.nowMs,
    about,
    code: refusal.code,
    message: refusal.message,
  };
  keep(transition, {
    refusals: [...transition.state.kept.refusals, note].slice(-REFUSALS_MAX),
  });
  tell(transition, "refused", { about, code: refusal.code, message: refusal.message });
}
