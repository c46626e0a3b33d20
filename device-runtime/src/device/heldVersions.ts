// Versions that are loaded and have passed their load test. It must not know which of them answers.
import { accept, type ModelVersion, type Outcome } from "@attune/protocol";
import { laterCode } from "../adapters/laterCode.ts";
import type { SlotVersion } from "../core/slots/slotState.ts";
import type { ModelPackage } from "../package/modelPackage.ts";
import { createOodJudge, type OodJudge } from "../package/oodJudge.ts";
import type { Inference, LoadedVersion } from "../ports/inference.ts";
import { probe, type VersionStore } from "./versions.ts";

/** A version that is loaded, with what scores its windows. */
export interface HeldVersion {
  readonly slot: SlotVersion;
  readonly loaded: LoadedVersion;
  readonly judge: OodJudge;
}

/** The loaded versions of a device. */
export interface HeldVersions {
  get(version: ModelVersion): HeldVersion | undefined;
  slots(): readonly SlotVersion[];
  /** Loads a version and tests it, unless it is here. */
  load(slot: SlotVersion): Promise<Outcome<HeldVersion>>;
  /** {@link load} for a version that has not served yet: one that could never be trained is refused, too. */
  admit(slot: SlotVersion): Promise<Outcome<HeldVersion>>;
  /** Lets go of every other version. */
  keepOnly(wanted: ReadonlySet<ModelVersion>): Promise<void>;
}

/** Creates the place for loaded versions. */
export function createHeldVersions(inference: Inference, versions: VersionStore): HeldVersions {
  const held = new Map<ModelVersion, HeldVersion>();

  /** Reads a version, if its model can be served and trained; a thousand devices that share an inference do that once. */
  async function readSound(slot: SlotVersion): Promise<Outcome<ModelPackage>> {
    const [{ checkModel }, { modelOf }] = await laterCode("the training compiler", () =>
      Promise.all([import("../package/checkModel.ts"), import("../package/wholeModel.ts")]),
    );
    const read = await versions.readUnchecked(slot);
    if (!read.ok) return read;
    const model = modelOf(read.value);
    if (!model.ok) return model;
    const sound = checkModel(model.value, read.value);
    return sound.ok ? read : sound;
  }

  async function load(
    slot: SlotVersion,
    read: () => Promise<Outcome<ModelPackage>>,
  ): Promise<Outcome<HeldVersion>> {
    const before = held.get(slot.version);
    if (before !== undefined) return accept(before);
    const loaded = await inference.load(slot.version, read);
    if (!loaded.ok) return loaded;
    let isSound = false;
    try {
      const sound = await probe(loaded.value);
      if (!sound.ok) return sound;
      isSound = true;
    } finally {
      if (!isSound) await loaded.value.release();
    }
    const { calibration, preprocessing } = loaded.value.modelPackage;
    const judge = createOodJudge(calibration, preprocessing, loaded.value.featureCount);
    const made = { slot, loaded: loaded.value, judge };
    held.set(slot.version, made);
    return accept(made);
  }

  return {
    get: (version) => held.get(version),
    slots: () => [...held.values()].map(({ slot }) => slot),
    load: (slot) => load(slot, () => versions.read(slot)),
    admit: (slot) => load(slot, () => readSound(slot)),
    async keepOnly(wanted) {
      for (const [version, { loaded }] of held) {
        if (wanted.has(version)) continue;
        held.delete(version);
        await loaded.release();
      }
    },
  };
}
