// Jobs at work in this thread: where each stands, and whose turn it is. It must not know whether this thread is a worker.
import { elementCount } from "@attune/protocol";
import type { FeatureExtractor } from "../model/frontier/createFeatureExtractor.ts";
import type { OrtRuntime } from "../model/session/ortRuntime.ts";
import { trainedParameters } from "../model/session/trainedParameters.ts";
import type { TrainingJob, TrainingTask } from "../ports/trainer.ts";
import { createFairQueue } from "./fairQueue.ts";
import { createTrainerCache } from "./trainerCache.ts";
import { trainerClosed } from "./trainerClosed.ts";

/** Samples that the frozen part of a model sees in one turn, forward only: far less than a slice, which goes back through 20 batches of 16. */
const SAMPLES_A_TURN = 64;

/** Trains in the thread that calls it. */
export interface TrainingJobs {
  /** Whether a task of this key needs no model. */
  has(key: string): boolean;
  begin(task: TrainingTask): Promise<TrainingJob>;
  close(): Promise<void>;
}

/** Creates the jobs of one thread. */
export function createTrainingJobs(runtime: OrtRuntime): TrainingJobs {
  const cache = createTrainerCache(runtime);
  const queue = createFairQueue();
  let isClosed = false;

  return {
    has: (key) => cache.has(key),
    async begin({ device, key, model, plan, start }) {
      if (isClosed) throw trainerClosed();
      const { trainer, extractor, giveBack } = await cache.borrow(key, plan, model);
      let state =
        start.kind === "fresh" ? trainer.begin(start.parameters, start.base) : start.state;
      /** Turn by turn, so that a large model keeps nobody waiting for long. */
      const extract = async (
        from: FeatureExtractor,
        samples: Float32Array,
        count: number,
      ): Promise<Float32Array> => {
        const length = samples.length / count;
        const size = elementCount(from.compiled.featureDims);
        const features = new Float32Array(count * size);
        for (let first = 0; first < count; first += SAMPLES_A_TURN) {
          const last = Math.min(first + SAMPLES_A_TURN, count);
          const part = samples.subarray(first * length, last * length);
          const found = await queue.run(device, () => {
            if (isClosed) throw trainerClosed();
            return from.extract(part, last - first);
          });
          features.set(found, first * size);
        }
        return features;
      };
      return {
        featuresOf: (samples, count) => {
          if (isClosed) return Promise.reject(trainerClosed());
          return extractor === null
            ? Promise.resolve(samples.slice())
            : extract(extractor, samples, count);
        },
        runSlice: (slice) =>
          queue.run(device, async () => {
            if (isClosed) throw trainerClosed();
            const trained = await trainer.run(state, slice);
            state = trained.state;
            return trained.losses;
          }),
        checkpoint: () => (isClosed ? Promise.reject(trainerClosed()) : Promise.resolve(state)),
        parameters: () =>
          isClosed
            ? Promise.reject(trainerClosed())
            : Promise.resolve(trainedParameters(trainer.compiled, state)),
        release: giveBack,
      };
    },
    async close() {
      isClosed = true;
      // Behind whatever runs now; what waits is refused when its turn comes.
      await queue.run("", () => cache.close());
    },
  };
}
