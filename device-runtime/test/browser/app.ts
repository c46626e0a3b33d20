// An app in a browser: a device from the web door, with the engine, the package and the windows that the page hands in. For tests only.
import { unwrap } from "@attune/protocol";
import { createSeededRandom } from "../../src/testing.ts";
import {
  createDeviceOf,
  createIndexedDbStorage,
  createInference,
  createInlineTrainer,
  createOrtRuntime,
  createSystemClock,
  type Device,
  type DeviceParts,
  type ForkableRandom,
  hubAt,
  type OrtModule,
  openModelPackage,
} from "../../src/web.ts";

/** Windows and what they are, as JSON. */
export interface LabelledSample {
  readonly window: readonly number[];
  readonly label: string;
}

/** What the app saw. */
export interface AppRun {
  /** Scripts of the bundle that the page had loaded before it learned, and those that learning brought. */
  readonly atOnce: readonly string[];
  readonly later: readonly string[];
  /** Share of right answers before the training. */
  readonly accuracy: number;
  readonly lossBefore: number;
  readonly lossAfter: number;
  /** Counted by the device when it was closed, and by another one on the same database. */
  readonly closed: unknown;
  readonly reopened: unknown;
}

async function open(
  ort: OrtModule,
  file: Uint8Array,
  random: ForkableRandom | null,
  hub: DeviceParts["hub"] = null,
): Promise<Device> {
  const runtime = createOrtRuntime(ort);
  return createDeviceOf({
    modelPackage: unwrap(await openModelPackage(file)),
    storage: await createIndexedDbStorage("attune"),
    clock: createSystemClock(),
    random,
    hub,
    contribute: null,
    trainer: createInlineTrainer(runtime),
    inference: createInference(runtime),
    onClose: () => Promise.resolve(),
  });
}

const scripts = (): string[] =>
  performance
    .getEntriesByType("resource")
    .map(({ name }) => new URL(name).pathname)
    .filter((path) => path.startsWith("/app/"));

/** Answers, learns, closes, and opens again. */
export async function runApp(
  ort: OrtModule,
  file: Uint8Array,
  samples: readonly LabelledSample[],
): Promise<AppRun> {
  const device = await open(ort, file, createSeededRandom("page"));
  const trained = new Promise<Pick<AppRun, "lossBefore" | "lossAfter">>((resolve, reject) => {
    device.on("abandoned", ({ reason }) => reject(new Error(reason)));
    device.on("trained", ({ lossBefore, lossAfter }) => resolve({ lossBefore, lossAfter }));
  });
  const user = device.user("anna");
  const answers = [];
  for (const { window } of samples) answers.push(await user.predict(Float32Array.from(window)));
  const correct = answers.filter(({ label }, index) => label === samples[index]?.label);
  const atOnce = scripts();
  for (const [index, { predictionId }] of answers.entries()) {
    await user.feedback(predictionId, samples[index]?.label ?? "");
  }
  const training = await trained;
  await device.whenIdle();
  const later = scripts().filter((path) => !atOnce.includes(path));
  const closed = device.inspect().counts;
  await device.close();
  const again = await open(ort, file, createSeededRandom("page"));
  const reopened = again.inspect().counts;
  await again.close();
  const accuracy = correct.length / samples.length;
  return { atOnce, later, accuracy, ...training, closed, reopened };
}

/** What the app saw where the files that learn are not served. */
export interface AppRunWithout {
  readonly trainings: number;
  /** Its answer afterwards. */
  readonly label: string;
  /** What the device says of the user's learning. */
  readonly learning: string;
}

/** Gives enough feedback for a training, and answers once more. */
export async function runWithoutLearning(
  ort: OrtModule,
  file: Uint8Array,
  samples: readonly LabelledSample[],
): Promise<AppRunWithout> {
  const device = await open(ort, file, null);
  const user = device.user("anna");
  for (const { window, label } of samples) {
    const { predictionId } = await user.predict(Float32Array.from(window));
    await user.feedback(predictionId, label);
  }
  await device.whenIdle();
  const { label } = await user.predict(Float32Array.from(samples[0]?.window ?? []));
  const { counts, users } = device.inspect();
  await device.close();
  return { trainings: counts.trainings, label, learning: JSON.stringify(users) };
}

/** What the app saw where what takes feedback, and then what speaks with a hub, is not served at first. */
export interface AppRunLate {
  /** Code of what the first feedback was refused with. */
  readonly refused: string;
  /** Whether the same feedback was taken once the files were there. */
  readonly isTaken: boolean;
  readonly feedback: number;
  /** What the device says of the hub, and what it has told. */
  readonly link: string;
  readonly about: readonly string[];
  readonly label: string;
}

/** Gives a feedback before what takes it is served, and again after; the device has a hub that it cannot reach. */
export async function runLate(
  ort: OrtModule,
  file: Uint8Array,
  samples: readonly LabelledSample[],
): Promise<AppRunLate> {
  const device = await open(ort, file, null, hubAt({ url: "wss://hub.invalid" }));
  const user = device.user("anna");
  const [{ window, label: truth } = { window: [], label: "" }] = samples;
  const { predictionId } = await user.predict(Float32Array.from(window));
  const refused = await user.feedback(predictionId, truth).then(
    () => "",
    (error: unknown) => (error as { readonly code?: string }).code ?? String(error),
  );
  await fetch("/show");
  const taken = await user.feedback(predictionId, truth);
  const { label } = await user.predict(Float32Array.from(window));
  const { counts, link, refusals } = device.inspect();
  await device.close();
  const about = refusals.map((one) => `${one.about} ${one.code}`);
  const { feedback } = counts;
  return { refused, isTaken: taken.ok, feedback, link: link.state, about, label };
}
