// What all devices of a process share unless they are given their own: one pool of training workers, one inference. The one place
// in this package that holds module state (docs/adr/0006): a worker for each of a thousand devices would be a thousand workers.
import { nodeCryptography } from "@attune/protocol/node";
import { createTrainerPool } from "../adapters/node/trainerPool.ts";
import { createInference } from "../adapters/ortInference.ts";
import { loadNodeOrt } from "../model/session/nodeOrtRuntime.ts";
import type { Inference } from "../ports/inference.ts";
import type { TrainerPort } from "../ports/trainer.ts";

/** A share of something that lasts as long as anybody uses it. */
export interface Share<T> {
  readonly value: T;
  /** Gives it back; the last one closes it. Harmless twice. */
  release(): Promise<void>;
}

interface Counted<T> {
  readonly value: T;
  userCount: number;
}

function createShared<T>(make: () => T, close: (value: T) => Promise<void>): () => Share<T> {
  let current: Counted<T> | null = null;
  return () => {
    const mine: Counted<T> = current ?? { value: make(), userCount: 0 };
    current = mine;
    mine.userCount += 1;
    let isReleased = false;
    return {
      value: mine.value,
      async release() {
        if (isReleased) return;
        isReleased = true;
        mine.userCount -= 1;
        if (mine.userCount > 0) return;
        if (current === mine) current = null;
        await close(mine.value);
      },
    };
  };
}

/** The process's training workers. */
export const shareTrainer: () => Share<TrainerPort> = createShared(
  () => createTrainerPool(),
  (trainer) => trainer.close(),
);

/** The process's loaded versions; each is freed by the device that lets go of it last. */
export const shareInference: () => Share<Promise<Inference>> = createShared(
  async () => createInference(await loadNodeOrt(), nodeCryptography),
  () => Promise.resolve(),
);
