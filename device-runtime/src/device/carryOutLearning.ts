// What each effect of learning does, and which event tells the core that it could not. It must not decide whether an effect is due.
import { Fault, type LaterHashing } from "@attune/protocol";
import { laterCode } from "../adapters/laterCode.ts";
import type { Effect } from "../core/effects.ts";
import type { CoreEvent } from "../core/events.ts";
import type { PersonalLayer, TrainingJobState } from "../core/learning/userState.ts";
import type { ForkableRandom } from "../ports/random.ts";
import type { TrainerPort } from "../ports/trainer.ts";
import type { EffectCarrier } from "./carryOut.ts";
import type { DeviceLoop } from "./deviceLoop.ts";
import type { Work } from "./effectRunner.ts";
import { type FileStore, fileNames } from "./files.ts";
import type { HeldVersion } from "./heldVersions.ts";
import { knownVersions } from "./knownVersions.ts";
import type { Lane } from "./lane.ts";
import { rebaseLayer, writeLayer } from "./layers.ts";
import type { OpenUsers } from "./openUsers.ts";
import type { VersionStore } from "./versions.ts";

/** What effects of learning work with. */
export interface LearningEffectParts {
  readonly loop: () => DeviceLoop;
  readonly lane: Lane;
  readonly hashing: LaterHashing;
  /** Tells this device from others that share a trainer. */
  readonly deviceKey: string;
  readonly files: FileStore;
  readonly versions: VersionStore;
  readonly serving: () => HeldVersion;
  readonly users: OpenUsers;
  readonly trainer: TrainerPort;
  readonly random: ForkableRandom;
}

/** Effects of learning. */
export type LearningEffect = Extract<Effect, { readonly kind: "train" | "rebaseLayer" }>;

/** Creates what carries out the effects of learning. */
export function createLearningCarrier(parts: LearningEffectParts): EffectCarrier<LearningEffect> {
  const { loop, lane, hashing, files, versions, serving, users, trainer, random } = parts;
  const send = (event: CoreEvent): void => loop().send(event);

  /** Inside the lane, and only if the effect should still go on. */
  const inLane = (work: Work, task: () => Promise<void>): Promise<void> =>
    lane.run(() => (work.signal.aborted ? Promise.resolve() : task()));

  async function rebase(user: string, epoch: number, layer: PersonalLayer): Promise<void> {
    const { slot, loaded } = serving();
    const fail = (reason: string): Promise<void> =>
      loop().apply({ type: "layerRebased", user, epoch, layer: null, reason });
    const open = users.all.get(user);
    const own = open?.layers.get(layer.digest);
    const before = knownVersions(loop().state, versions.bundled).find(
      ({ version }) => version === layer.base,
    );
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
    const digest = await writeLayer(files, user, moved, hashing);
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
      device: parts.deviceKey,
      job,
      loaded,
      from,
      samples: open.session.replay.samples(),
      trainer,
      checkpoint: job.stepsKept > 0 ? await files.read(checkpoint) : null,
      hashing,
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
      const digest = await writeLayer(files, user, parameters, hashing);
      open.layers.set(digest, parameters);
      await loop().apply({ type: "jobFinished", user, jobIndex, digest, lossBefore, lossAfter });
    });
  }

  return {
    start: (effect, work) =>
      effect.kind === "train"
        ? train(effect.user, effect.job, work)
        : inLane(work, () => rebase(effect.user, effect.epoch, effect.layer)),
    failureOf,
  };
}

/** What an effect that failed tells the core. */
function failureOf(effect: LearningEffect, error: unknown): CoreEvent {
  const reason = error instanceof Error ? error.message : String(error);
  const { user } = effect;
  if (effect.kind === "rebaseLayer") {
    return { type: "layerRebased", user, epoch: effect.epoch, layer: null, reason };
  }
  return {
    type: "jobFailed",
    user,
    jobIndex: effect.job.jobIndex,
    reason,
    isFinal: error instanceof Fault && error.code === "trainer.model_refused",
  };
}
