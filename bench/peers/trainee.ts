// What takes part in `train-step`: a network that some engine trains. No behaviour here.

/** A network that is ready to train. */
export interface Trainee {
  /** Trains the next `stepCount` batches of the task and gives their losses, each before its update. */
  train(stepCount: number): Promise<readonly number[]>;
  release(): Promise<void> | void;
}
