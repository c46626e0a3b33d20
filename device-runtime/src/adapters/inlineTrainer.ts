// Trains in the calling thread: for simulations, where time is virtual and blocking costs nothing, and for platforms without
// workers. It must not be used where answers may not wait for a slice.
import type { OrtRuntime } from "../model/session/ortRuntime.ts";
import type { TrainerPort } from "../ports/trainer.ts";
import { laterCode } from "./laterCode.ts";
import { trainerClosed } from "./trainerClosed.ts";
import type { TrainingJobs } from "./trainingJobs.ts";

/**
 * Creates a trainer that works in the calling thread, for any number of devices.
 *
 * The training compiler loads with the first job: `begin` throws `runtime.code_unavailable` while it cannot.
 *
 * @example
 * const runtime = createOrtRuntime(await import("onnxruntime-node"));
 * const trainer = createInlineTrainer(runtime);
 */
export function createInlineTrainer(runtime: OrtRuntime): TrainerPort {
  let jobs: Promise<TrainingJobs> | null = null;
  let isClosed = false;

  async function load(): Promise<TrainingJobs> {
    try {
      const { createTrainingJobs } = await laterCode(
        "the training compiler",
        () => import("./trainingJobs.ts"),
      );
      return createTrainingJobs(runtime);
    } catch (error) {
      jobs = null;
      throw error;
    }
  }

  return {
    async begin(task) {
      if (isClosed) throw trainerClosed();
      jobs ??= load();
      return (await jobs).begin(task);
    },
    async close() {
      isClosed = true;
      const begun = await jobs?.catch(() => null);
      await begun?.close();
    },
  };
}
