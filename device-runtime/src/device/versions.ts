// Where the parts of versions are: bundled with the app or in the store. It must not decide which version is wanted, nor fetch.
import {
  accept,
  type Digest,
  decodeCbor,
  decodeParameters,
  encodeCbor,
  type LaterHashing,
  type LineId,
  modelVersionLater,
  type Outcome,
  type ParameterSet,
  refuse,
  unwrap,
} from "@attune/protocol";
import { laterCode } from "../adapters/laterCode.ts";
import { createSeededRandom } from "../adapters/seededRandom.ts";
import type { SlotVersion, VersionParts } from "../core/slots/slotState.ts";
import { openCheckedParts } from "../package/checkedParts.ts";
import { laterDigests } from "../package/laterDigests.ts";
import { type ModelPackage, type PartBytes, partNames } from "../package/modelPackage.ts";
import { PACKAGE_CHECKS } from "../package/packageFormat.ts";
import { windowLength } from "../package/preprocessing.ts";
import { isMadeOf, type ServingForm } from "../package/servingForm.ts";
import type { LoadedVersion } from "../ports/inference.ts";
import { gaussian } from "../ports/random.ts";
import { crc32c } from "../storage/crc32c.ts";
import { type FileStore, fileNames, readChecked } from "./files.ts";

/** The parts of versions on this device. */
export interface VersionStore {
  readonly bundled: SlotVersion;
  /** Reads a version that was taken on, each part checked against its digest; `model.not_loadable` when one is missing. */
  read(version: SlotVersion): Promise<Outcome<ModelPackage>>;
  /** {@link read} for a version that is not taken on yet: its parts are checked, and its model is made ready to answer. */
  readUnchecked(version: SlotVersion): Promise<Outcome<ModelPackage>>;
  /** All shared parameters of a version, or null when they are not here. */
  readParameters(version: SlotVersion): Promise<ParameterSet | null>;
  /** A part that came with the app; undefined for any other. */
  bundledPart(digest: Digest): Uint8Array | undefined;
}

/** Creates the version store of a device. */
export async function createVersionStore(parts: {
  readonly line: LineId;
  readonly modelPackage: ModelPackage;
  readonly files: FileStore;
  readonly hashing: LaterHashing;
}): Promise<VersionStore> {
  const { line, modelPackage, files, hashing } = parts;
  const bundledParts = await laterDigests(modelPackage.bytes, hashing);
  const bundled: SlotVersion = {
    version: await modelVersionLater(bundledParts, hashing),
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
      (await readChecked(files, fileNames.blob(digest), digest, hashing))
    );
  }

  async function readParameters(version: SlotVersion): Promise<ParameterSet | null> {
    const bytes = await readPart(version.parts.parameters);
    const decoded = bytes === null ? null : decodeParameters(bytes);
    return decoded?.ok === true ? decoded.value : null;
  }

  async function readParts(version: SlotVersion): Promise<Outcome<PartBytes>> {
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
    return accept(bytes as PartBytes);
  }

  /** Checks parts and makes their model ready to answer; how it answers is kept, so that a start needs nothing that reads models. */
  async function takeOn(
    bytes: PartBytes,
    madeOf: ServingForm["madeOf"],
  ): Promise<Outcome<ModelPackage>> {
    const { takeOnParts } = await laterCode(
      "what checks versions",
      () => import("../package/takeOnParts.ts"),
    );
    const taken = takeOnParts(line, bytes, madeOf);
    if (!taken.ok) return taken;
    const { serving } = taken.value;
    const name = fileNames.serving(serving.madeOf.graph, serving.madeOf.learning);
    await files.write(name, packServing(serving));
    return taken;
  }

  return {
    bundled,
    readParameters,
    bundledPart: (digest) => bundledBytes.get(digest),
    async read(version) {
      if (version.version === bundled.version) return accept(modelPackage);
      const bytes = await readParts(version);
      if (!bytes.ok) return bytes;
      const { graph, learning } = version.parts;
      const name = fileNames.serving(graph, learning);
      const serving = files.has(name) ? unpackServing(await files.read(name)) : null;
      if (serving === null || !isMadeOf(serving, { graph, learning }))
        return takeOn(bytes.value, { graph, learning });
      const opened = openCheckedParts(line, bytes.value);
      return opened.ok ? accept({ ...opened.value, serving }) : opened;
    },
    async readUnchecked(version) {
      if (version.version === bundled.version) return accept(modelPackage);
      const bytes = await readParts(version);
      const { graph, learning } = version.parts;
      return bytes.ok ? takeOn(bytes.value, { graph, learning }) : bytes;
    },
  };
}

/** A form as it is kept, with the checks that its version has passed; the checksum finds what the disk has damaged. */
function packServing(form: ServingForm): Uint8Array {
  const bytes = encodeCbor(form);
  return encodeCbor({ crc: crc32c(bytes), checks: PACKAGE_CHECKS, form: bytes });
}

/** Null when there is none, it is damaged, or its version has passed other checks. */
function unpackServing(file: Uint8Array | null): ServingForm | null {
  const decoded = file === null ? null : decodeCbor(file);
  if (decoded?.ok !== true) return null;
  const { crc, checks, form } = (decoded.value ?? {}) as Readonly<Record<string, unknown>>;
  if (checks !== PACKAGE_CHECKS || !(form instanceof Uint8Array) || crc32c(form) !== crc) {
    return null;
  }
  return unwrap(decodeCbor(form)) as ServingForm;
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
