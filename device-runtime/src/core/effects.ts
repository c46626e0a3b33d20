// What should be going on, derived from the state alone: the same after a crash as before it. It must not do anything.
import {
  type BlobRef,
  type EnrolmentRequest,
  type ModelVersion,
  type ReleaseRecord,
  type Report,
  topics,
} from "@attune/protocol";
import { askedPlace, enrolmentRequest } from "./enrolment/enrolment.ts";
import type { MessageChannel } from "./events.ts";
import { rebaseWanted } from "./learning/learning.ts";
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
  return [
    ...linkEffects(state, context),
    ...outboxEffects(state),
    ...preparationEffects(state),
    ...comparisonEffects(state),
    ...userEffects(state),
  ];
}

function linkEffects(state: DeviceState, context: CoreContext): readonly Effect[] {
  const { link } = state;
  if (link.phase !== "connecting" && link.phase !== "online") return [];
  const { serial } = link;
  const { enrolment } = state.kept;
  const { token, line } = context.settings;
  const effects: Effect[] = [];
  const id = `connect:${serial}`;
  if (link.purpose === "enrol") {
    const asked = askedPlace(state, context);
    if (asked === null || token === null) return [];
    const { nonce } = asked;
    effects.push({
      id,
      kind: "connect",
      serial,
      clientId: `enrol-${nonce}`,
      userName: "enrol",
      password: token.secret,
      will: null,
    });
    const request = link.phase === "online" ? enrolmentRequest(state, context) : null;
    if (request !== null) {
      effects.push({
        id: `enrol:${serial}`,
        kind: "enrol",
        serial,
        request,
        upTopic: topics.enrolUp(token.fleet, nonce),
        downTopic: topics.enrolDown(token.fleet, nonce),
      });
    }
    return effects;
  }
  if (enrolment.phase !== "enrolled") return [];
  const { device, fleet, credential, cohort } = enrolment;
  const { will } = state.reporting;
  effects.push({
    id,
    kind: "connect",
    serial,
    clientId: device,
    userName: device,
    password: credential,
    will: will === null ? null : { topic: topics.up(fleet, device, "report"), report: will },
  });
  if (link.phase === "connecting") return effects;
  const channels: readonly (readonly [MessageChannel, string])[] = [
    ["trustRoot", topics.trustRoot(fleet)],
    ["assignment", topics.down(fleet, device, "assignment")],
    ["receipt", topics.down(fleet, device, "receipt")],
    ["decision", topics.decision(fleet, line, cohort)],
  ];
  for (const [channel, topic] of channels) {
    effects.push({ id: `subscribe:${serial}:${topic}`, kind: "subscribe", serial, topic, channel });
  }
  return effects;
}

function outboxEffects(state: DeviceState): readonly Effect[] {
  const { link } = state;
  const { enrolment, outbox } = state.kept;
  if (link.phase !== "online" || link.purpose !== "device" || enrolment.phase !== "enrolled") {
    return [];
  }
  const { device, fleet } = enrolment;
  const { serial } = link;
  const effects: Effect[] = [];
  for (const entry of outbox.entries) {
    const sending = state.sending[entry.digest];
    if (sending?.phase !== "publishing") continue;
    const { attempt } = sending;
    effects.push({
      id: `publish:${serial}:${entry.digest}:${attempt}`,
      kind: "publish",
      serial,
      topic: topics.up(fleet, device, entry.kind),
      entry,
      attempt,
    });
  }
  const { sending } = state.reporting;
  if (sending !== null) {
    const { report } = sending;
    effects.push({
      id: `report:${serial}:${report.reportSequence}`,
      kind: "sendReport",
      serial,
      topic: topics.up(fleet, device, "report"),
      report,
    });
  }
  return effects;
}

function preparationEffects(state: DeviceState): readonly Effect[] {
  const effects: Effect[] = [];
  for (const preparation of [state.standby, state.shadow]) {
    if (preparation === null || !preparation.isRunning) continue;
    const { serial, attempt, source, phase, version } = preparation;
    const id = `prepare:${serial}:${phase}:${attempt}`;
    const { blobUrl } = source;
    if (phase === "record" && source.kind === "release") {
      effects.push({ id, kind: "fetchRecord", serial, ref: source.target.record, blobUrl });
    } else if (phase === "parts" && version !== null) {
      const plan: PartsPlan | null =
        source.kind === "delta"
          ? { kind: "delta", base: source.base, delta: source.shadow.delta }
          : preparation.record === null
            ? null
            : { kind: "release", record: preparation.record };
      if (plan !== null) {
        effects.push({
          id,
          kind: "fetchParts",
          serial,
          blobUrl,
          version: version.version,
          plan,
        });
      }
    } else if (phase === "load" && version !== null) {
      effects.push({ id, kind: "loadVersion", serial, version });
    }
  }
  return effects;
}

function comparisonEffects(state: DeviceState): readonly Effect[] {
  const { current } = state.kept.comparison;
  const { shadow } = state;
  if (current?.phase !== "holdout" || shadow?.phase !== "ready" || shadow.version === null) {
    return [];
  }
  const { champion, challenger } = current;
  return [
    {
      id: `holdout:${shadow.serial}`,
      kind: "compareHoldout",
      champion,
      challenger,
      other: shadow.version,
    },
  ];
}

function userEffects(state: DeviceState): readonly Effect[] {
  const effects: Effect[] = [];
  const { epoch } = state.kept.slots;
  for (const [user, one] of Object.entries(state.users)) {
    const layer = rebaseWanted(state, user);
    if (layer !== null) {
      effects.push({ id: `rebase:${user}:${epoch}`, kind: "rebaseLayer", user, epoch, layer });
    }
    if (one.job?.isRunning === true) {
      const { jobIndex, attempt, startedAtMs } = one.job;
      effects.push({
        id: `train:${user}:${jobIndex}:${startedAtMs}:${attempt}`,
        kind: "train",
        user,
        job: one.job,
      });
    }
    if (one.contribution?.isRunning === true) {
      const { layer: wanted, attempt } = one.contribution;
      effects.push({
        id: `contribute:${user}:${wanted.digest}:${attempt}`,
        kind: "buildContribution",
        user,
        layer: wanted,
      });
    }
  }
  return effects;
}
