// Where the parts of versions are: bundled with the app or in the store; and how missing ones come here. It must not decide which
// version is wanted.
import {
  accept,
  type BlobRef,
  type Cryptography,
  type Digest,
  decodeCbor,
  decodeParameters,
  digestOf,
  encodeCbor,
  Fault,
  type LineId,
  type ModelVersion,
  modelVersionOf,
  type Outcome,
  type ParameterSet,
  type ReleaseRecord,
  refuse,
} from "@attune/protocol";
import { laterCode } from "../adapters/laterCode.ts";
import { createSeededRandom } from "../adapters/seededRandom.ts";
import type { PartsPlan } from "../core/effects.ts";
import type { SlotVersion, VersionParts } from "../core/slots/slotState.ts";
import {
  type ModelPackage,
  partDigests,
  partNames,
  readModelParts,
  versionOf,
} from "../package/modelPackage.ts";
import { parseServing } from "../package/packageSchemas.ts";
import { windowLength } from "../package/preprocessing.ts";
import { isMadeOf, type ServingForm, servingSources } from "../package/servingForm.ts";
import type { LoadedVersion } from "../ports/inference.ts";
import { gaussian } from "../ports/random.ts";
import { crc32c } from "../storage/crc32c.ts";
import type { BlobFetcher } from "./blobFetcher.ts";
import type { Work } from "./effectRunner.ts";
import { type FileStore, fileNames, readChecked } from "./files.ts";

/** The parts of versions on this device. */
export interface VersionStore {
  readonly bundled: SlotVersion;
  /** Reads a version's parts, each checked against its digest; `model.not_loadable` when one is missing. */
  read(version: SlotVersion): Promise<Outcome<ModelPackage>>;
  /** All shared parameters of a version, or null when they are not here. */
  readParameters(version: SlotVersion): Promise<ParameterSet | null>;
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

/** Creates the version store of a device. */
export function createVersionStore(parts: {
  readonly line: LineId;
  readonly modelPackage: ModelPackage;
  readonly files: FileStore;
  readonly fetcher: BlobFetcher;
  readonly cryptography: Cryptography;
}): VersionStore {
  const { line, modelPackage, files, fetcher, cryptography } = parts;
  const bundledParts = partDigests(modelPackage, cryptography);
  const bundled: SlotVersion = {
    version: versionOf(modelPackage, cryptography),
    generation: 0 as SlotVersion["generation"],
    securityEpoch: 0 as SlotVersion["securityEpoch"],
    source: "bundled",
    parts: bundledParts,
  };
  const bundledBytes = new Map<Digest, Uint8Array>(
    partNames.map((name) => [bundledParts[name], modelPackage.bytes[name]]),
  );

  async function readPart(digest: Digest): Promise<Uint8Array | null> {
    return (
      bundledBytes.get(digest) ??
      (await readChecked(files, fileNames.blob(digest), digest, cryptography))
    );
  }

  /** A release is in the store whole, so that the next version of the app may come with another package. */
  async function keepPart(ref: BlobRef, blobUrl: string, work: Work) {
    const there = bundledBytes.get(ref.digest);
    if (there === undefined) return fetcher.fetch(ref, blobUrl, work);
    const name = fileNames.blob(ref.digest);
    if ((await readChecked(files, name, ref.digest, cryptography)) === null) {
      await files.write(name, there);
    }
    return accept(there);
  }

  async function readParameters(version: SlotVersion): Promise<ParameterSet | null> {
    const bytes = await readPart(version.parts.parameters);
    const decoded = bytes === null ? null : decodeParameters(bytes);
    return decoded?.ok === true ? decoded.value : null;
  }

  /**
   * A version with the form that its model answers in, as it was made when the version was taken on: made again only when it is not here, so
   * that a start needs nothing that reads models.
   */
  async function makeReady(read: ModelPackage): Promise<Outcome<ModelPackage>> {
    const sources = servingSources(read.bytes, cryptography);
    const name = fileNames.serving(sources.graph, sources.learning);
    const kept = files.has(name) ? unpackServing(await files.read(name)) : null;
    if (kept !== null && isMadeOf(kept, sources)) return accept({ ...read, serving: kept });
    const { prepareServing } = await laterCode(
      "what makes a model ready to answer",
      () => import("../package/prepareServing.ts"),
    );
    const prepared = prepareServing(read, cryptography);
    if (!prepared.ok) return prepared;
    await files.write(name, packServing(prepared.value));
    return accept({ ...read, serving: prepared.value });
  }

  /** Parameters that a delta makes of a base. */
  async function rebuild(
    base: SlotVersion,
    delta: BlobRef,
    blobUrl: string,
    work: Work,
  ): Promise<Outcome<Uint8Array>> {
    const before = await readParameters(base);
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
      bundledBytes.has(ref.digest) ||
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
    bundled,
    readParameters,
    async read(version) {
      if (version.version === bundled.version) return accept(modelPackage);
      const bytes: Partial<Record<keyof VersionParts, Uint8Array>> = {};
      for (const name of partNames) {
        const part = await readPart(version.parts[name]);
        if (part === null) {
          return refuse(
            "model.not_loadable",
            `the ${name} of ${version.version.slice(0, 8)} is missing or damaged; it is fetched again`,
          );
        }
        bytes[name] = part;
      }
      const read = readModelParts(line, bytes as Record<keyof VersionParts, Uint8Array>);
      return read.ok ? makeReady(read.value) : read;
    },
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

/** A form as it is kept; the checksum finds what the disk has damaged. */
function packServing(form: ServingForm): Uint8Array {
  const bytes = encodeCbor(form);
  return encodeCbor({ crc: crc32c(bytes), form: bytes });
}

/** Null when there is none, or it is damaged. */
function unpackServing(file: Uint8Array | null): ServingForm | null {
  const decoded = file === null ? null : decodeCbor(file);
  if (decoded?.ok !== true) return null;
  const { crc, form } = (decoded.value ?? {}) as {
    readonly crc?: unknown;
    readonly form?: unknown;
  };
  if (!(form instanceof Uint8Array) || crc32c(form) !== crc) return null;
  const parsed = parseServing(form);
  return parsed.ok ? parsed.value : null;
}

/** Windows of a load test: the channels' offsets, and noise around them. */
const PROBE_WINDOWS = 4;

/** Whether a loaded version answers with finite numbers on a few windows. */
export async function probe(loaded: LoadedVersion): Promise<Outcome<null>> {
  const { preprocessing } = loaded.modelPackage;
  const { channels, windowSamples, layout, labels } = preprocessing;
  const length = windowLength(preprocessing);
  const random = createSeededRandom("probe");
  const windows = new Float32Array(PROBE_WINDOWS * length);
  for (let index = 0; index < windows.length; index += 1) {
    const within = index % length;
    const channel =
      layout === "channelsFirst" ? Math.floor(within / windowSamples) : within % channels.length;
    const { offset, scale } = channels[channel] ?? { offset: 0, scale: 1 };
    windows[index] = offset + (index < length ? 0 : gaussian(random) / scale);
  }
  const logits = new Float32Array(PROBE_WINDOWS * labels.length);
  const features = new Float32Array(PROBE_WINDOWS * loaded.featureCount);
  await loaded.answer(windows, PROBE_WINDOWS, null, { logits, features });
  if (!logits.every(Number.isFinite) || !features.every(Number.isFinite)) {
    return refuse(
      "model.output_not_finite",
      `${loaded.version.slice(0, 8)} gave NaN or infinity on its load test; release it again`,
    );
  }
  return accept(null);
}
