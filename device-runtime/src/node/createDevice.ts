// A device in a Node process, with everything that Node has to offer as its default. It must not hold policy.
import { readFile } from "node:fs/promises";
import { type Cryptography, Fault } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { createFileStorage } from "../adapters/node/fileStorage.ts";
import { createSystemClock } from "../adapters/systemClock.ts";
import { createDeviceOf } from "../device/createDeviceOf.ts";
import type { Device } from "../device/device.ts";
import { createHubShell } from "../device/hubShell.ts";
import { createLearningShell } from "../device/learningShell.ts";
import { openHub } from "../device/openHub.ts";
import type { ModelPackage } from "../package/modelPackage.ts";
import { decodeModelPackage } from "../package/packageFile.ts";
import type { BlobSource } from "../ports/blobSource.ts";
import type { Clock } from "../ports/clock.ts";
import type { Inference } from "../ports/inference.ts";
import type { Link } from "../ports/link.ts";
import type { ForkableRandom } from "../ports/random.ts";
import type { Storage } from "../ports/storage.ts";
import type { TrainerPort } from "../ports/trainer.ts";
import { shareInference, shareTrainer } from "./processShared.ts";

/** What an app says about its device. */
export interface DeviceOptions {
  /**
   * The model package that came with the app: the path of its file, its bytes, or what `decodeModelPackage` made of them, for a
   * process of many devices.
   */
  readonly model: string | Uint8Array | ModelPackage;
  /** Folder for everything that is kept, this device's own; or give `storage`. */
  readonly store?: string;
  readonly storage?: Storage;
  /** `mqtts://` or `wss://`, on this machine also `mqtt://` or `ws://`; without it the device works offline for ever. */
  readonly hub?: string;
  /**
   * Lets `mqtt://` and `ws://` reach another machine, and blobs come from there by `http://`. Whoever listens on the way then reads the
   * enrolment token and the device's credential, and can act as the device: for networks that are trusted, or encrypted underneath.
   */
  readonly allowPlainText?: boolean;
  /** From the hub's operator; needed once. */
  readonly enrolmentToken?: string;
  /** A name to enrol under, such as `ward-3-bed-2`: lower-case letters, digits, inner hyphens. The hub makes one up otherwise. */
  readonly proposedId?: string;
  /** Consent to contribute what was learned. What was said before holds when it is left out; at the first start it is `false`. */
  readonly contribute?: boolean;
  /** Time; the system's when left out. */
  readonly clock?: Clock;
  /** All randomness, keys included, for simulations; the system's when left out. */
  readonly random?: ForkableRandom;
  /** A connection in place of `hub`. */
  readonly link?: Link;
  /** Who trains; a pool of workers that all devices of the process share when left out. Not closed with the device. */
  readonly trainer?: TrainerPort;
  /** Loaded versions; shared by all devices of the process when left out. */
  readonly inference?: Inference;
  readonly cryptography?: Cryptography;
  readonly blobSource?: BlobSource;
}

/**
 * Starts a device. It answers from its bundled package at once, without a network; everything else happens by itself.
 *
 * @throws Fault `device.option_invalid`, `device.package_unusable`, `ort.not_installed`, or what the storage throws
 * @example
 * import { unwrap } from "@attune/protocol";
 * import { nodeCryptography } from "@attune/protocol/node";
 *
 * // Usually made once, where the model is trained: a model, and what is normal for it.
 * const model = buildPerceptron({ inputSize: 2, hidden: [8], classCount: 2 }, createSeededRandom(1));
 * const channels = ["x", "y"].map((name) => ({ name, offset: 0, scale: 1 }));
 * const window = { windowSamples: 1, hopSamples: 1, sampleRateHz: 1, layout: "channelsFirst" } as const;
 * const preprocessing = { labels: ["still", "walking"], channels, ...window };
 * const known = {
 *   windows: Float32Array.from({ length: 80 }, (_, index) => Math.sin(index * index)),
 *   labels: Int32Array.from({ length: 40 }, (_, index) => index % 2),
 * };
 * const runtime = await loadNodeOrt();
 * const calibration = unwrap(await buildReference({ model, preprocessing, fit: known, check: known, runtime }));
 * const learning = learningDefaults();
 * const made = unwrap(createModelPackage({ line: "activity", model, preprocessing, calibration, learning }));
 *
 * const device = await createDevice({ model: encodeModelPackage(made, nodeCryptography), storage: createMemoryStorage() });
 * const user = device.user("anna");
 * const answer = await user.predict(Float32Array.of(0.1, 0.7));
 * answer.label; // => "still"
 * const report = await user.feedback(answer.predictionId, "walking");
 * report.ok && report.value.wasCorrect; // => false
 * await device.close();
 */
export async function createDevice(options: DeviceOptions): Promise<Device> {
  const cryptography = options.cryptography ?? nodeCryptography;
  if ((options.store === undefined) === (options.storage === undefined)) {
    throw new Fault("a device needs either store or storage", {
      code: "device.option_invalid",
      hint: "pass store: a folder of its own",
    });
  }
  const hub = openHub({ ...options, url: options.hub }, cryptography);
  const modelPackage = await packageOf(options.model, cryptography);
  const folder =
    options.storage === undefined ? await createFileStorage(options.store ?? "") : null;
  const trainer = options.trainer === undefined ? shareTrainer() : null;
  const inference = options.inference === undefined ? shareInference() : null;
  const release = async (): Promise<void> => {
    await trainer?.release();
    await inference?.release();
    await folder?.close();
  };
  try {
    return await createDeviceOf({
      modelPackage,
      storage: options.storage ?? (folder as NonNullable<typeof folder>),
      clock: options.clock ?? createSystemClock(),
      random: options.random ?? null,
      hub,
      contribute: options.contribute ?? null,
      trainer: options.trainer ?? (trainer as NonNullable<typeof trainer>).value,
      inference: options.inference ?? (await (inference as NonNullable<typeof inference>).value),
      hashing: cryptography,
      code: { createHubShell, createLearningShell },
      onClose: release,
    });
  } catch (error) {
    await release();
    throw error;
  }
}

async function packageOf(
  model: DeviceOptions["model"],
  cryptography: Cryptography,
): Promise<ModelPackage> {
  if (typeof model === "object" && !(model instanceof Uint8Array)) return model;
  const bytes = typeof model === "string" ? await readModel(model) : model;
  const modelPackage = decodeModelPackage(bytes, cryptography);
  if (modelPackage.ok) return modelPackage.value;
  throw new Fault(`the model package cannot be read: ${modelPackage.refusal.message}`, {
    code: "device.package_unusable",
    hint: `${modelPackage.refusal.code}: make it again with createModelPackage`,
  });
}

async function readModel(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    throw new Fault(`the model package ${path} cannot be read`, {
      code: "device.option_invalid",
      hint: "model is the path of a package file, or its bytes",
      cause,
    });
  }
}
