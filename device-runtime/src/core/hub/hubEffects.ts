// What should be going on with a hub, derived from the state alone: the same after a crash as before it. It must not do anything.
import { topics } from "@attune/protocol";
import type { Effect, PartsPlan } from "../effects.ts";
import { askedPlace, enrolmentRequest } from "../enrolment/enrolment.ts";
import type { MessageChannel } from "../events.ts";
import type { DeviceState } from "../state.ts";
import { type CoreContext, hubOf } from "../transition.ts";

/** Everything that should be going on with the hub now. */
export function hubEffects(state: DeviceState, context: CoreContext): readonly Effect[] {
  return [
    ...linkEffects(state, context),
    ...outboxEffects(state),
    ...preparationEffects(state),
    ...comparisonEffects(state),
  ];
}

function linkEffects(state: DeviceState, context: CoreContext): readonly Effect[] {
  const { link } = state;
  if (link.phase !== "connecting" && link.phase !== "online") return [];
  const { serial } = link;
  const { enrolment } = state.kept;
  const { token } = hubOf(context);
  const { line } = context.settings;
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
