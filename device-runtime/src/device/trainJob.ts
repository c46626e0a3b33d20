// Carries out one training job: slices, checkpoints, and the parameters that come of it. It must not decide when to train.
import {
  type Digest,
  decodeCbor,
  digestLater,
  encodeCbor,
  type LaterHashing,
  type ParameterSet,
  parameterSetOf,
} from "@attune/protocol";
import { drawBatches } from "../core/learn/drawBatches.ts";
import { learningRates } from "../core/learn/fineTunePlan.ts";
import type { TrainingJobState } from "../core/learning/userState.ts";
import { CHECKPOINT_SLICES } from "../core/limits.ts";
import { canonicalPlan } from "../model/compile/trainingPlan.ts";
import type { TrainingState } from "../model/session/createTrainer.ts";
import type { LabelledWindows } from "../package/labelledWindows.ts";
import { type Preprocessing, toModelInput } from "../package/preprocessing.ts";
import { modelOf } from "../package/wholeModel.ts";
import type { LoadedVersion } from "../ports/inference.ts";
import type { ForkableRandom } from "../ports/random.ts";
import type { TrainerPort, TrainingJob } from "../ports/trainer.ts";
import type { LabelledWindow } from "./userSession.ts";

/** What a job is given. */
export interface TrainJobParts {
  readonly device: string;
  readonly job: TrainingJobState;
  /** The shared version that it trains on top of. */
  readonly loaded: LoadedVersion;
  /** Parameters of the scope to start from. */
  readonly from: ParameterSet;
  /** Raw windows; the same ones whenever the job is started. */
  readonly samples: readonly LabelledWindow[];
  readonly trainer: TrainerPort;
  /** What the last checkpoint wrote, or null. */
  readonly checkpoint: Uint8Array | null;
  readonly hashing: LaterHashing;
  /** The job's own stream. */
  readonly random: ForkableRandom;
  readonly signal: AbortSignal;
  /** Makes a checkpoint durable. */
  readonly keep: (checkpoint: Uint8Array, stepsKept: number) => Promise<void>;
}

/** How a job ended. */
export type TrainJobResult =
  | {
      readonly kind: "trained";
      readonly parameters: ParameterSet;
      readonly lossBefore: number;
      readonly lossAfter: number;
    }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "stopped" };

interface Checkpoint {
  readonly state: TrainingState;
  readonly lossBefore: number;
}

const meanOf = (values: Float32Array): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function readCheckpoint(bytes: Uint8Array | null): Checkpoint | null {
  const decoded = bytes === null ? null : decodeCbor(bytes);
  return decoded?.ok === true ? (decoded.value as Checkpoint) : null;
}

/** Windows one by one. */
function apart({ windows, labels }: LabelledWindows): readonly LabelledWindow[] {
  const length = windows.length / labels.length;
  return Array.from(labels, (label, index) => ({
    x: windows.subarray(index * length, (index + 1) * length),
    label,
    atMs: 0,
  }));
}

/** Windows as the job's slices take them: what is frozen in front of the trained layers has seen each of them once. */
async function seenBy(
  training: TrainingJob,
  preprocessing: Preprocessing,
  windows: readonly LabelledWindow[],
): Promise<readonly LabelledWindow[]> {
  const length = windows[0]?.x.length ?? 0;
  const inputs = new Float32Array(windows.length * length);
  windows.forEach(({ x }, index) => {
    toModelInput(preprocessing, x, 1, inputs.subarray(index * length, (index + 1) * length));
  });
  const features = await training.featuresOf(inputs, windows.length);
  const size = features.length / windows.length;
  return windows.map((window, index) => ({
    ...window,
    x: features.subarray(index * size, (index + 1) * size),
  }));
}

/** What compiled trainings are shared by: the same frozen parameters under the same plan. */
async function trainingKey(loaded: LoadedVersion, hashing: LaterHashing): Promise<Digest | null> {
  const plan = canonicalPlan(loaded.modelPackage.learning.plan);
  if (!plan.ok) return null;
  return digestLater(hashing, new TextEncoder().encode(`${loaded.trunk}\0${plan.value}`));
}

/**
 * Trains until the job's steps are done. Stopped anywhere and started again, it gives the same parameters to the bit.
 *
 * @throws Fault what the trainer or the storage throws
 */
export async function trainJob(parts: TrainJobParts): Promise<TrainJobResult> {
  const { device, job, loaded, from, trainer, hashing, random, signal } = parts;
  const { plan } = job;
  const { modelPackage } = loaded;
  const key = await trainingKey(loaded, hashing);
  const model = modelOf(modelPackage);
  if (key === null || !model.ok || parts.samples.length === 0) {
    return { kind: "failed", reason: "the model, its plan or the samples cannot be trained on" };
  }
  const { rehearsal } = modelPackage.learning;
  const windows = [...parts.samples, ...(rehearsal === undefined ? [] : apart(rehearsal))];
  const checkpoint = readCheckpoint(parts.checkpoint);
  const training = await trainer.begin({
    device,
    key,
    model: () => model.value,
    plan: modelPackage.learning.plan,
    start:
      checkpoint === null
        ? { kind: "fresh", parameters: from, base: loaded.scope }
        : { kind: "resume", state: checkpoint.state },
  });
  try {
    const samples = await seenBy(training, modelPackage.preprocessing, windows);
    let stepCount = checkpoint?.state.stepCount ?? 0;
    let lossBefore = checkpoint?.lossBefore ?? null;
    let lossAfter = lossBefore ?? 0;
    let slices = 0;
    while (stepCount < plan.stepCount) {
      if (signal.aborted) return { kind: "stopped" };
      const steps = Math.min(plan.stepsPerSlice, plan.stepCount - stepCount);
      const batches = drawBatches(samples, plan, stepCount, steps, random);
      const losses = await training.runSlice({
        stepCount: steps,
        batchSize: batches.batchSize,
        data: batches.inputs,
        truth: batches.labels,
        learningRate: learningRates(plan, stepCount, steps),
      });
      stepCount += steps;
      slices += 1;
      lossAfter = meanOf(losses);
      lossBefore ??= lossAfter;
      if (!Number.isFinite(lossAfter)) {
        return { kind: "failed", reason: `the loss is ${lossAfter} after ${stepCount} steps` };
      }
      if (slices % CHECKPOINT_SLICES === 0 && stepCount < plan.stepCount) {
        const state = await training.checkpoint();
        await parts.keep(encodeCbor({ state, lossBefore } satisfies Checkpoint), stepCount);
      }
    }
    const parameters = await training.parameters();
    if (!parameters.every(({ data }) => data.every(Number.isFinite))) {
      return { kind: "failed", reason: "a trained parameter is not finite" };
    }
    return {
      kind: "trained",
      parameters: parameterSetOf(parameters),
      lossBefore: lossBefore ?? 0,
      lossAfter,
    };
  } finally {
    training.release();
  }
}
