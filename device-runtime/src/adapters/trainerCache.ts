// Compiled trainings of one engine, so that a thousand users compile a model once: the frozen part by itself where there is one. It must not hold
// any job's state.
import { Fault } from "@attune/protocol";
import { compileTraining } from "../model/compile/compileTraining.ts";
import type { TrainingPlan } from "../model/compile/trainingPlan.ts";
import { compileFrontier } from "../model/frontier/compileFrontier.ts";
import {
  createFeatureExtractor,
  type FeatureExtractor,
} from "../model/frontier/createFeatureExtractor.ts";
import { createTrainer, type Trainer } from "../model/session/createTrainer.ts";
import type { OrtRuntime } from "../model/session/ortRuntime.ts";

/** Compiled trainings kept while nobody uses them: two versions of four model lines. */
const IDLE_TRAINERS_MAX = 8;

/** What trains under a key. */
interface Compiled {
  readonly trainer: Trainer;
  /** Makes what the trainer takes for samples; null where it takes samples. */
  readonly extractor: FeatureExtractor | null;
}

/** A trainer on loan. */
export interface TrainerLoan extends Compiled {
  /** Harmless twice. */
  giveBack(): void;
}

/** Trainers by key. */
export interface TrainerCache {
  has(key: string): boolean;
  /**
   * Lends the trainer of a key; compiles it when there is none.
   *
   * @throws Fault `trainer.model_refused`, `ort.graph_not_loadable`
   */
  borrow(key: string, plan: TrainingPlan, model: () => Uint8Array): Promise<TrainerLoan>;
  close(): Promise<void>;
}

/** Creates a cache of compiled trainings; those unused longest go first. */
export function createTrainerCache(runtime: OrtRuntime): TrainerCache {
  // In the order of last use.
  const entries = new Map<string, { readonly compiled: Promise<Compiled>; users: number }>();

  function evict(): void {
    let idle = [...entries].filter(([, { users }]) => users === 0);
    while (idle.length > IDLE_TRAINERS_MAX) {
      const [[key, { compiled }] = ["", { compiled: null }], ...rest] = idle;
      entries.delete(key);
      void compiled?.then(release);
      idle = rest;
    }
  }

  async function release({ trainer, extractor }: Compiled): Promise<void> {
    await extractor?.release();
    await trainer.release();
  }

  async function compile(plan: TrainingPlan, model: Uint8Array): Promise<Compiled> {
    const cut = compileFrontier(model, plan);
    if (cut.ok) {
      const extractor = await createFeatureExtractor(runtime, cut.value);
      return { trainer: await createTrainer(runtime, cut.value.tail), extractor };
    }
    // Nothing is frozen in front; or the plan does not compile at all, for a reason that this names.
    const compiled = compileTraining(model, plan);
    if (!compiled.ok) {
      throw new Fault(`the model cannot be trained: ${compiled.refusal.message}`, {
        code: "trainer.model_refused",
        hint: `${compiled.refusal.code}: choose another parameter scope, or another model`,
      });
    }
    return { trainer: await createTrainer(runtime, compiled.value), extractor: null };
  }

  return {
    has: (key) => entries.has(key),
    async borrow(key, plan, model) {
      const entry = entries.get(key) ?? { compiled: compile(plan, model()), users: 0 };
      entries.delete(key);
      entries.set(key, entry);
      entry.users += 1;
      let isLent = true;
      const giveBack = (): void => {
        if (!isLent) return;
        isLent = false;
        entry.users -= 1;
        evict();
      };
      try {
        return { ...(await entry.compiled), giveBack };
      } catch (error) {
        entries.delete(key);
        throw error;
      }
    },
    async close() {
      const all = [...entries.values()];
      entries.clear();
      const settled = await Promise.allSettled(all.map(({ compiled }) => compiled));
      for (const one of settled) if (one.status === "fulfilled") await release(one.value);
    },
  };
}
