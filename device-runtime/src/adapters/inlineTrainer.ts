// Trains in the calling thread: for simulations, where time is virtual and blocking costs nothing, and for platforms without
// workers. It must not be used where answers may not wait for a slice.
import type { OrtRuntime } from "../model/session/ortRuntime.ts";
import type { TrainerPort } from "../ports/trainer.ts";
import { createTrainingJobs } from "./trainingJobs.ts";

/**
 * Creates a trainer that works in the calling thread, for any number of devices.
 *
 * @example
 * const runtime = createOrtRuntime(await import("onnxruntime-node"));
 * const trainer = createInlineTrainer(runtime);
 */
export function createInlineTrainer(runtime: OrtRuntime): TrainerPort {
  const jobs = createTrainingJobs(runtime);
  return { begin: (task) => jobs.begin(task), close: () => jobs.close() };
}
