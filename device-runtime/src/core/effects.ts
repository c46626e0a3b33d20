// What should be going on, derived from the state alone: the same after a crash as before it. It must not do anything.
import type {
  BlobRef,
  EnrolmentRequest,
  ModelVersion,
  ReleaseRecord,
  Report,
} from "@attune/protocol";
import type { MessageChannel } from "./events.ts";
import type { PersonalLayer, TrainingJobState } from "./learning/userState.ts";
import type { OutboxEntry } from "./outbox/outboxState.ts";
import type { SlotVersion } from "./slots/slotState.ts";
import type { DeviceState } from "./state.ts";
import type { CoreContext } from "./transition.ts";

/**
 * One thing that should be going on. The shell starts what has a new `id`, and stops what is not named any more. Whatever an
 * effect does may be done twice.
 */
export type Effect = { readonly id: string } & EffectBody;

type EffectBody =
  /** Make a connection, and hold it. */
  | {
      readonly kind: "connect";
      readonly serial: number;
      readonly clientId: string;
      readonly userName: string;
      readonly password: string;
      readonly will: { readonly topic: string; readonly report: Report } | null;
    }
  /** Listen on a topic while the connection stands. */
  | {
      readonly kind: "subscribe";
      readonly serial: number;
      readonly topic: string;
      readonly channel: MessageChannel;
    }
  /** Ask for a place, and wait for the reply. */
  | {
      readonly kind: "enrol";
      readonly serial: number;
      readonly request: EnrolmentRequest;
      readonly upTopic: string;
      readonly downTopic: string;
    }
  | {
      readonly kind: "publish";
      readonly serial: number;
      readonly topic: string;
      readonly entry: OutboxEntry;
      readonly attempt: number;
    }
  | {
      readonly kind: "sendReport";
      readonly serial: number;
      readonly topic: string;
      readonly report: Report;
    }
  /** Bring the bytes of a release record here. */
  | {
      readonly kind: "fetchRecord";
      readonly serial: number;
      readonly ref: BlobRef;
      readonly blobUrl: string;
    }
  /** Bring the parts of a version here that are not here yet, in the cheapest way. */
  | {
      readonly kind: "fetchParts";
      readonly serial: number;
      readonly blobUrl: string;
      readonly version: ModelVersion;
      readonly plan: PartsPlan;
    }
  /** Load a version, and see that it answers with finite numbers. */
  | { readonly kind: "loadVersion"; readonly serial: number; readonly version: SlotVersion }
  /** Compare two versions on everything that is held out. */
  | {
      readonly kind: "compareHoldout";
      readonly champion: ModelVersion;
      readonly challenger: ModelVersion;
      readonly other: SlotVersion;
    }
  /** Put a user's difference on the new base. */
  | {
      readonly kind: "rebaseLayer";
      readonly user: string;
      readonly epoch: number;
      readonly layer: PersonalLayer;
    }
  | { readonly kind: "train"; readonly user: string; readonly job: TrainingJobState }
  | { readonly kind: "buildContribution"; readonly user: string; readonly layer: PersonalLayer };

/** How the parts of a version come here. */
export type PartsPlan =
  /** Each part by its own blob; the parameters by a delta when the device has what it applies to. */
  | { readonly kind: "release"; readonly record: ReleaseRecord }
  /** Everything as the base has it, but for the parameters. */
  | { readonly kind: "delta"; readonly base: SlotVersion; readonly delta: BlobRef };

/** Everything that should be going on now. */
export function pendingEffects(state: DeviceState, context: CoreContext): readonly Effect[] {
  const { hub, learning } = context.settings;
  return [...(hub?.machines.effects(state, context) ?? []), ...(learning?.effects(state) ?? [])];
}
