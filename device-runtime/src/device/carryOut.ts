// What each effect does, and which event tells the core that it could not. It must not decide whether an effect is due.
import {
  type Cryptography,
  encodeMessage,
  enrolmentRequestMessage,
  Fault,
  type ModelVersion,
  reportMessage,
} from "@attune/protocol";
import { laterCode } from "../adapters/laterCode.ts";
import type { Effect } from "../core/effects.ts";
import type { CoreEvent } from "../core/events.ts";
import type { PersonalLayer, TrainingJobState } from "../core/learning/userState.ts";
import type { SlotVersion } from "../core/slots/slotState.ts";
import type { CoreSettings } from "../core/transition.ts";
import type { ForkableRandom } from "../ports/random.ts";
import type { TrainerPort } from "../ports/trainer.ts";
import type { BlobFetcher } from "./blobFetcher.ts";
import { comparePairs } from "./comparePairs.ts";
import type { Connection } from "./connection.ts";
import type { DeviceLoop } from "./deviceLoop.ts";
import type { Work } from "./effectRunner.ts";
import { type FileStore, fileNames, readChecked } from "./files.ts";
import type { HeldVersion, HeldVersions } from "./heldVersions.ts";
import type { Lane } from "./lane.ts";
import { rebaseLayer, writeLayer } from "./layers.ts";
import type { OpenUsers } from "./openUsers.ts";
import type { VersionStore } from "./versions.ts";

/** What effects work with. */
export interface EffectParts {
  readonly loop: () => DeviceLoop;
  readonly lane: Lane;
  readonly settings: CoreSettings;
  readonly cryptography: Cryptography;
  readonly connection: Connection;
  readonly files: FileStore;
  readonly fetcher: BlobFetcher;
  readonly versions: VersionStore;
  readonly held: HeldVersions;
  readonly serving: () => HeldVersion;
  readonly users: OpenUsers;
  readonly trainer: TrainerPort;
  readonly random: ForkableRandom;
}

type EffectOf<K extends Effect["kind"]> = Extract<Effect, { kind: K }>;

/** Creates the function that carries out an effect; it never rejects. */
export function createCarryOut(parts: EffectParts): (effect: Effect, work: Work) => Promise<void> {
  const { loop, lane, settings, cryptography, connection, files, fetcher } = parts;
  const { versions, held, serving, users, trainer, random } = parts;
  const { keyPair, line } = settings;
  const send = (event: CoreEvent): void => loop().send(event);

  /** Inside the lane, and only if the effect should still go on. */
  const inLane = (work: Work, task: () => Promise<void>): Promise<void> =>
    lane.run(() => (work.signal.aborted ? Promise.resolve() : task()));

  /** Versions whose parameters a delta may apply to. */
  function knownVersions(): readonly SlotVersion[] {
    const { active, previousGood } = loop().state.kept.slots;
    return [active, ...(previousGood === null ? [] : [previousGood]), versions.bundled];
  }

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
    const fetched = await versions.fetch(plan, version, blobUrl, knownVersions(), work);
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

  async function rebase(user: string, epoch: number, layer: PersonalLayer): Promise<void> {
    const { slot, loaded } = serving();
    const fail = (reason: string): Promise<void> =>
      loop().apply({ type: "layerRebased", user, epoch, layer: null, reason });
    const open = users.all.get(user);
    const own = open?.layers.get(layer.digest);
    const before = knownVersions().find(({ version }) => version === layer.base);
    const base = before === undefined ? null : await versions.readParameters(before);
    if (open === undefined || own === undefined || base === null) {
      return fail("the old shared version is not here any more");
    }
    const inScope = new Set(own.map(({ name }) => name));
    const moved = rebaseLayer(
      own,
      base.filter(({ name }) => inScope.has(name)),
      loaded.scope,
    );
    if (moved === null) return fail("the new shared version has other parameters");
    const digest = await writeLayer(files, user, moved, cryptography);
    open.layers.set(digest, moved);
    await loop().apply({
      type: "layerRebased",
      user,
      epoch,
      layer: { ...layer, digest, base: slot.version },
      reason: "the difference was kept",
    });
  }

  async function train(user: string, job: TrainingJobState, work: Work): Promise<void> {
    const { jobIndex } = job;
    const open = users.all.get(user);
    const { slot, loaded } = serving();
    const from = job.from === null ? loaded.scope : open?.layers.get(job.from);
    if (open === undefined || slot.version !== job.base || from === undefined) {
      const reason = "what it starts from is gone";
      send({ type: "jobFailed", user, jobIndex, reason, isFinal: true });
      return;
    }
    const checkpoint = fileNames.checkpoint(user, jobIndex);
    const { trainJob } = await laterCode("what trains", () => import("./trainJob.ts"));
    const result = await trainJob({
      device: settings.keyPair.publicKey.join(),
      job,
      loaded,
      from,
      samples: open.session.replay.samples(),
      trainer,
      checkpoint: job.stepsKept > 0 ? await files.read(checkpoint) : null,
      cryptography,
      random: random.fork(`user ${user}`).fork(`job ${jobIndex}`),
      signal: work.signal,
      keep: (bytes, stepsKept) =>
        inLane(work, async () => {
          await files.write(checkpoint, bytes);
          await loop().apply({ type: "sliceTrained", user, jobIndex, stepsKept });
        }),
    });
    if (result.kind === "stopped") return;
    await inLane(work, async () => {
      if (result.kind === "failed") {
        const { reason } = result;
        await loop().apply({ type: "jobFailed", user, jobIndex, reason, isFinal: true });
        return;
      }
      const { parameters, lossBefore, lossAfter } = result;
      const digest = await writeLayer(files, user, parameters, cryptography);
      open.layers.set(digest, parameters);
      await loop().apply({ type: "jobFinished", user, jobIndex, digest, lossBefore, lossAfter });
    });
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

  function start(effect: Effect, work: Work): Promise<void> {
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
      case "rebaseLayer":
        return inLane(work, () => rebase(effect.user, effect.epoch, effect.layer));
      case "train":
        return train(effect.user, effect.job, work);
      case "buildContribution":
        return inLane(work, () => contribute(effect.user, effect.layer));
    }
  }

  return async (effect, work) => {
    try {
      await start(effect, work);
    } catch (error) {
      const event = failureOf(effect, error);
      if (event !== null && !work.signal.aborted) send(event);
    }
  };
}

/** What an effect that failed tells the core; null where a deadline or a later event does. */
function failureOf(effect: Effect, error: unknown): CoreEvent | null {
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
    case "train":
      return {
        type: "jobFailed",
        user: effect.user,
        jobIndex: effect.job.jobIndex,
        reason,
        isFinal: error instanceof Fault && error.code === "trainer.model_refused",
      };
    case "buildContribution":
      return { type: "contributionFailed", user: effect.user, layer: effect.layer.digest, reason };
    case "rebaseLayer":
      return { type: "layerRebased", user: effect.user, epoch: effect.epoch, layer: null, reason };
    case "compareHoldout":
      return null;
  }
}
