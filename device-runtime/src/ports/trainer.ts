// Who trains, as a port: in this thread, or in workers that all devices of the process share. It must not know why one trains.
import type { ParameterSet } from "@attune/protocol";
import type { TrainingPlan } from "../model/compile/trainingPlan.ts";
import type { TrainingSlice, TrainingState } from "../model/session/createTrainer.ts";

/** What a job trains. */
export interface TrainingTask {
  /** Whose turn it is: slices of different devices alternate. */
  readonly device: string;
  /**
   * Names the compiled training: equal keys mean equal model bytes outside the trained parameters, and an equal canonical plan. So
   * everything that is compiled is compiled once.
   */
  readonly key: string;
  /** The whole model; asked for only when nothing is compiled under the key. */
  readonly model: () => Uint8Array;
  readonly plan: TrainingPlan;
  /** Parameters to start from, at least the trained ones, and what to pull to; or where an earlier job stood. */
  readonly start:
    | { readonly kind: "fresh"; readonly parameters: ParameterSet; readonly base: ParameterSet }
    | { readonly kind: "resume"; readonly state: TrainingState };
}

/** A job at work. Its state stays where it trains, until a checkpoint asks for it. */
export interface TrainingJob {
  /**
   * What the slices of this job take for samples: the features in front of the first trained layer, so that what is frozen runs once a sample instead
   * of once a step; the samples themselves where the scope reaches back to them. The same samples in the same order give the same bytes, whichever
   * implementation runs them.
   *
   * @param samples `[count, ...sample]`, as the model takes them
   * @returns `[count, ...feature]`, owned by the caller
   * @throws Fault `trainer.worker_lost`, `trainer.closed`, `ort.run_failed`
   */
  featuresOf(samples: Float32Array, count: number): Promise<Float32Array>;
  /**
   * Trains one slice of what {@link TrainingJob.featuresOf} gave. One at a time per job. Slices of one job give the same bytes however they are cut, and whichever
   * implementation runs them, as long as it is the same engine.
   *
   * @returns the loss of every step before its update
   * @throws Fault `trainer.worker_lost`, `trainer.closed`, `ort.run_failed`
   */
  runSlice(slice: TrainingSlice): Promise<Float32Array>;
  /** A copy of where the job stands. */
  checkpoint(): Promise<TrainingState>;
  /**
   * What the job has made of the model's parameters, under the model's names and in canonical order: low-rank patches are merged into their
   * weights. Raw engine output otherwise, as in a checkpoint.
   */
  parameters(): Promise<ParameterSet>;
  /** Lets go of the job's state. Harmless twice. */
  release(): void;
}

/** Trains for any number of devices. */
export interface TrainerPort {
  /**
   * Begins a job.
   *
   * @throws Fault `trainer.model_refused` when the model or the plan do not compile, `trainer.worker_lost`, `trainer.closed`
   */
  begin(task: TrainingTask): Promise<TrainingJob>;
  /** Ends everything; jobs under way fail with `trainer.closed`. */
  close(): Promise<void>;
}
