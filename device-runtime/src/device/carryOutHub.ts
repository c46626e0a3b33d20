// What each effect between a device and its hub does, and which event tells the core that it could not. It must not decide whether an effect is due.
import {
  type Cryptography,
  encodeMessage,
  enrolmentRequestMessage,
  Fault,
  type KeyPair,
  type LineId,
  type ModelVersion,
  reportMessage,
} from "@attune/protocol";
import { laterCode } from "../adapters/laterCode.ts";
import type { Effect } from "../core/effects.ts";
import type { CoreEvent } from "../core/events.ts";
import type { PersonalLayer } from "../core/learning/userState.ts";
import type { BlobFetcher } from "./blobFetcher.ts";
import type { EffectCarrier } from "./carryOut.ts";
import { comparePairs } from "./comparePairs.ts";
import type { Connection } from "./connection.ts";
import type { DeviceLoop } from "./deviceLoop.ts";
import type { Work } from "./effectRunner.ts";
import type { VersionFetcher } from "./fetchVersion.ts";
import { type FileStore, fileNames, readChecked } from "./files.ts";
import type { HeldVersion, HeldVersions } from "./heldVersions.ts";
import { knownVersions } from "./knownVersions.ts";
import type { Lane } from "./lane.ts";
import type { OpenUsers } from "./openUsers.ts";
import type { VersionStore } from "./versions.ts";

/** What effects of the hub work with. */
export interface HubEffectParts {
  readonly loop: () => DeviceLoop;
  readonly lane: Lane;
  readonly line: LineId;
  readonly keyPair: KeyPair;
  readonly cryptography: Cryptography;
  readonly connection: Connection;
  readonly files: FileStore;
  readonly fetcher: BlobFetcher;
  readonly versions: VersionStore;
  readonly versionFetcher: VersionFetcher;
  readonly held: HeldVersions;
  readonly serving: () => HeldVersion;
  readonly users: OpenUsers;
}

/** Effects between a device and its hub. */
export type HubEffect = Exclude<Effect, { readonly kind: "train" | "rebaseLayer" }>;

type EffectOf<K extends Effect["kind"]> = Extract<Effect, { kind: K }>;

/** Creates what carries out the effects of the hub. */
export function createHubCarrier(parts: HubEffectParts): EffectCarrier<HubEffect> {
  const { loop, lane, line, keyPair, cryptography, connection, files, fetcher } = parts;
  const { versions, versionFetcher, held, serving, users } = parts;
  const send = (event: CoreEvent): void => loop().send(event);

  /** Inside the lane, and only if the effect should still go on. */
  const inLane = (work: Work, task: () => Promise<void>): Promise<void> =>
    lane.run(() => (work.signal.aborted ? Promise.resolve() : task()));

  async function connect(effect: EffectOf<"connect">, { signal }: Work): Promise<void> {
    const { serial, clientId, userName, password, will } = effect;
    await connection.open(
      {
        clientId,
        userName,
        password,
        will:
          will === null
            ? null
            : {
                topic: will.topic,
                payload: encodeMessage(reportMessage, will.report, [keyPair], cryptography),
              },
        signal,
      },
      (reason) => send({ type: "linkClosed", serial, reason, isRefused: false }),
    );
    send({ type: "linkOpened", serial });
  }

  async function enrol(effect: EffectOf<"enrol">, { signal }: Work): Promise<void> {
    const { downTopic, upTopic, request } = effect;
    const listener = (bytes: Uint8Array): void => send({ type: "enrolmentReplied", bytes });
    await connection.listen(downTopic, listener, signal);
    await connection.publish(
      upTopic,
      encodeMessage(enrolmentRequestMessage, request, [keyPair], cryptography),
    );
  }

  async function publish({ entry, topic, attempt }: EffectOf<"publish">): Promise<void> {
    const { digest } = entry;
    const frame =
      entry.frame ?? (await readChecked(files, fileNames.message(digest), digest, cryptography));
    if (frame === null) {
      send({ type: "messageLost", digest });
      return;
    }
    await connection.publish(topic, frame);
    send({ type: "published", digest, attempt });
  }

  async function sendReport({ report, topic }: EffectOf<"sendReport">): Promise<void> {
    const frame = encodeMessage(reportMessage, report, [keyPair], cryptography);
    await connection.publish(topic, frame);
    send({ type: "reportPublished", sequence: report.reportSequence });
  }

  async function fetchRecord(effect: EffectOf<"fetchRecord">, work: Work): Promise<void> {
    const { serial, ref, blobUrl } = effect;
    const bytes = await fetcher.fetch(ref, blobUrl, work);
    send(
      bytes.ok
        ? { type: "recordFetched", serial, bytes: bytes.value }
        : { type: "preparationRefused", serial, refusal: bytes.refusal },
    );
  }

  async function fetchParts(effect: EffectOf<"fetchParts">, work: Work): Promise<void> {
    const { serial, plan, version, blobUrl } = effect;
    const fetched = await versionFetcher.fetch(
      plan,
      version,
      blobUrl,
      knownVersions(loop().state, versions.bundled),
      work,
    );
    send(
      fetched.ok
        ? { type: "partsFetched", serial, parts: fetched.value }
        : { type: "preparationRefused", serial, refusal: fetched.refusal },
    );
  }

  async function loadVersion({ serial, version }: EffectOf<"loadVersion">): Promise<void> {
    const loaded = await held.admit(version);
    await loop().apply(
      loaded.ok
        ? { type: "versionLoaded", serial }
        : { type: "preparationRefused", serial, refusal: loaded.refusal },
    );
  }

  async function compareHoldout(champion: ModelVersion, challenger: ModelVersion): Promise<void> {
    const older = held.get(champion);
    const newer = held.get(challenger);
    if (older === undefined || newer === undefined) return;
    const samples = [...users.all.values()].flatMap(({ session }) => session.holdout.samples());
    const pairs = await comparePairs(
      { loaded: newer.loaded, parameters: null },
      { loaded: older.loaded, parameters: null },
      samples,
    );
    await loop().apply({ type: "pairsScored", champion, challenger, from: "holdout", pairs });
  }

  async function contribute(user: string, layer: PersonalLayer): Promise<void> {
    const { enrolment, outbox } = loop().state.kept;
    if (enrolment.phase !== "enrolled") return;
    const { digest: layerDigest } = layer;
    const withhold = (reason: string): Promise<void> =>
      loop().apply({ type: "contributionWithheld", user, layer: layerDigest, reason });
    const open = users.all.get(user);
    const own = open?.layers.get(layerDigest);
    const { slot, loaded } = serving();
    if (open === undefined || own === undefined) return withhold("its parameters are gone");
    if (slot.version !== layer.base) return withhold("the shared version under it was replaced");
    const sequence = outbox.nextContributionSequence;
    const nowMs = loop().now();
    const recent = open.session
      .recent()
      .filter(
        ({ feedbackIndex, place }) => place !== "holdout" && feedbackIndex >= layer.feedbackFrom,
      );
    const { buildContribution } = await laterCode(
      "what makes contributions",
      () => import("./buildContribution.ts"),
    );
    const built = await buildContribution({
      device: enrolment.device,
      line,
      sequence,
      layer,
      parameters: own,
      base: loaded,
      unseen: [...open.session.holdout.samples(), ...recent],
      keyPair,
      cryptography,
      nowMs,
    });
    if (built.kind === "withheld") return withhold(built.reason);
    const { frame, digest, result, norm, evidence } = built;
    await files.write(fileNames.message(digest), frame);
    const { base, examples, steps } = layer;
    await loop().apply({
      type: "contributionBuilt",
      user,
      layer: layerDigest,
      sequence,
      entry: {
        kind: "contribution",
        digest,
        bytes: frame.length,
        frame: null,
        createdAtMs: nowMs,
        user,
        layer: layerDigest,
      },
      facts: { base, result, examples, steps, norm, evidence },
    });
  }

  return {
    start(effect, work) {
      switch (effect.kind) {
        case "connect":
          return connect(effect, work);
        case "subscribe": {
          const { channel, topic } = effect;
          const listener = (bytes: Uint8Array): void =>
            send({ type: "messageArrived", channel, bytes });
          return connection.listen(topic, listener, work.signal);
        }
        case "enrol":
          return enrol(effect, work);
        case "publish":
          return publish(effect);
        case "sendReport":
          return sendReport(effect);
        case "fetchRecord":
          return fetchRecord(effect, work);
        case "fetchParts":
          return fetchParts(effect, work);
        case "loadVersion":
          return inLane(work, () => loadVersion(effect));
        case "compareHoldout":
          return inLane(work, () => compareHoldout(effect.champion, effect.challenger));
        case "buildContribution":
          return inLane(work, () => contribute(effect.user, effect.layer));
      }
    },
    failureOf,
  };
}

/** What an effect that failed tells the core; null where a deadline or a later event does. */
function failureOf(effect: HubEffect, error: unknown): CoreEvent | null {
  const reason = error instanceof Error ? error.message : String(error);
  switch (effect.kind) {
    case "connect":
    case "subscribe":
    case "enrol": {
      const isRefused = error instanceof Fault && error.code === "link.refused";
      return { type: "linkClosed", serial: effect.serial, reason, isRefused };
    }
    case "publish":
      return { type: "publishFailed", digest: effect.entry.digest, attempt: effect.attempt };
    case "sendReport":
      return { type: "reportFailed", sequence: effect.report.reportSequence };
    case "fetchRecord":
    case "fetchParts":
    case "loadVersion":
      return { type: "preparationFailed", serial: effect.serial, reason };
    case "buildContribution":
      return { type: "contributionFailed", user: effect.user, layer: effect.layer.digest, reason };
    case "compareHoldout":
      return null;
  }
}
