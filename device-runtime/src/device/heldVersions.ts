// Versions that are loaded and have passed their load test. It must not know which of them answers.
import { accept, type ModelVersion, type Outcome } from "@attune/protocol";
import type { SlotVersion } from "../core/slots/slotState.ts";
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
  /** Lets go of every other version. */
  keepOnly(wanted: ReadonlySet<ModelVersion>): Promise<void>;
}

/** Creates the place for loaded versions. */
export function createHeldVersions(inference: Inference, versions: VersionStore): HeldVersions {
  const held = new Map<ModelVersion, HeldVersion>();
  return {
    get: (version) => held.get(version),
    slots: () => [...held.values()].map(({ slot }) => slot),
    async load(slot) {
      const before = held.get(slot.version);
      if (before !== undefined) return accept(before);
      const loaded = await inference.load(slot.version, () => versions.read(slot));
      if (!loaded.ok) return loaded;
      const sound = await probe(loaded.value);
      if (!sound.ok) {
        await loaded.value.release();
        return sound;
      }
      const { calibration, preprocessing } = loaded.value.modelPackage;
      const judge = createOodJudge(calibration, preprocessing, loaded.value.featureCount);
      const made = { slot, loaded: loaded.value, judge };
      held.set(slot.version, made);
      return accept(made);
    },
    async keepOnly(wanted) {
      for (const [version, { loaded }] of held) {
        if (wanted.has(version)) continue;
        held.delete(version);
        await loaded.release();
      }
    },
  };
}
