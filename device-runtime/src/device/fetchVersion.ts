// How the parts of a version come here that are missing: each by its own blob, parameters by a delta where that is smaller. It must not decide
// which version is wanted.
import {
  accept,
  type BlobRef,
  type Cryptography,
  digestOf,
  Fault,
  type ModelVersion,
  modelVersionOf,
  type Outcome,
  type ReleaseRecord,
  refuse,
} from "@attune/protocol";
import { laterCode } from "../adapters/laterCode.ts";
import type { PartsPlan } from "../core/effects.ts";
import type { SlotVersion, VersionParts } from "../core/slots/slotState.ts";
import { partNames } from "../package/modelPackage.ts";
import type { BlobFetcher } from "./blobFetcher.ts";
import type { Work } from "./effectRunner.ts";
import { type FileStore, fileNames, readChecked } from "./files.ts";
import type { VersionStore } from "./versions.ts";

/** Brings versions here. */
export interface VersionFetcher {
  /**
   * Brings every part of a version into the store.
   *
   * @param known versions whose parts may be here, for a delta to apply to
   * @throws Fault when something cannot be had now
   */
  fetch(
    plan: PartsPlan,
    version: ModelVersion,
    blobUrl: string,
    known: readonly SlotVersion[],
    work: Work,
  ): Promise<Outcome<VersionParts>>;
}

/** Creates a fetcher of versions. */
export function createVersionFetcher(parts: {
  readonly versions: VersionStore;
  readonly files: FileStore;
  readonly fetcher: BlobFetcher;
  readonly cryptography: Cryptography;
}): VersionFetcher {
  const { versions, files, fetcher, cryptography } = parts;

  /** A release is in the store whole, so that the next version of the app may come with another package. */
  async function keepPart(ref: BlobRef, blobUrl: string, work: Work) {
    const there = versions.bundledPart(ref.digest);
    if (there === undefined) return fetcher.fetch(ref, blobUrl, work);
    const name = fileNames.blob(ref.digest);
    if ((await readChecked(files, name, ref.digest, cryptography)) === null) {
      await files.write(name, there);
    }
    return accept(there);
  }

  /** Parameters that a delta makes of a base. */
  async function rebuild(
    base: SlotVersion,
    delta: BlobRef,
    blobUrl: string,
    work: Work,
  ): Promise<Outcome<Uint8Array>> {
    const before = await versions.readParameters(base);
    if (before === null) {
      return refuse("base.unknown", `the parameters of ${base.version.slice(0, 8)} are not here`);
    }
    const bytes = await fetcher.fetch(delta, blobUrl, work);
    if (!bytes.ok) return bytes;
    const { rebuildParameters } = await laterCode(
      "what reads deltas",
      () => import("./rebuildParameters.ts"),
    );
    return rebuildParameters(before, bytes.value);
  }

  /** The delta when the device has its base, and it is the smaller one; whatever is wrong with it, the full parameters follow. */
  async function fetchParameters(
    record: ReleaseRecord,
    blobUrl: string,
    known: readonly SlotVersion[],
    work: Work,
  ): Promise<Outcome<unknown>> {
    const ref = record.parts.parameters;
    const name = fileNames.blob(ref.digest);
    const isHere =
      versions.bundledPart(ref.digest) !== undefined ||
      (await readChecked(files, name, ref.digest, cryptography)) !== null;
    const { delta } = record;
    const base = known.find(({ version }) => version === delta?.base);
    if (!isHere && delta !== undefined && base !== undefined && delta.blob.bytes < ref.bytes) {
      try {
        const rebuilt = await rebuild(base, delta.blob, blobUrl, work);
        if (rebuilt.ok && digestOf(cryptography, rebuilt.value) === ref.digest) {
          await files.write(name, rebuilt.value);
          return accept(null);
        }
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
      }
    }
    return keepPart(ref, blobUrl, work);
  }

  return {
    async fetch(plan, version, blobUrl, known, work) {
      if (plan.kind === "release") {
        const { record } = plan;
        for (const name of partNames) {
          const fetched =
            name === "parameters"
              ? await fetchParameters(record, blobUrl, known, work)
              : await keepPart(record.parts[name], blobUrl, work);
          if (!fetched.ok) return fetched;
        }
        const { graph, parameters, preprocessing, calibration, learning } = record.parts;
        return accept({
          graph: graph.digest,
          parameters: parameters.digest,
          preprocessing: preprocessing.digest,
          calibration: calibration.digest,
          learning: learning.digest,
        });
      }
      const rebuilt = await rebuild(plan.base, plan.delta, blobUrl, work);
      if (!rebuilt.ok) return rebuilt;
      const made = { ...plan.base.parts, parameters: digestOf(cryptography, rebuilt.value) };
      if (modelVersionOf(made, cryptography) !== version) {
        return refuse(
          "version.mismatch",
          `base and delta do not make ${version.slice(0, 8)}; the candidate was built from something else`,
        );
      }
      await files.write(fileNames.blob(made.parameters), rebuilt.value);
      return accept(made);
    },
  };
}
