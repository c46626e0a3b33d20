// Hands each effect to what carries it out. It must not decide whether an effect is due.
import type { Effect } from "../core/effects.ts";
import type { CoreEvent } from "../core/events.ts";
import type { HubEffect } from "./carryOutHub.ts";
import type { LearningEffect } from "./carryOutLearning.ts";
import type { Work } from "./effectRunner.ts";

/** Carries out effects of some kinds. */
export interface EffectCarrier<E extends Effect> {
  /** Resolves when the effect is done; rejects where it could not be. */
  start(effect: E, work: Work): Promise<void>;
  /** What an effect that failed tells the core; null where a deadline or a later event does. */
  failureOf(effect: E, error: unknown): CoreEvent | null;
}

/**
 * Creates the function that carries out an effect; it never rejects.
 *
 * The carriers are those that are here: the core names no effect of a part that is not.
 */
export function createCarryOut(parts: {
  readonly hub: () => EffectCarrier<HubEffect> | null;
  readonly learning: () => EffectCarrier<LearningEffect> | null;
  readonly send: (event: CoreEvent) => void;
}): (effect: Effect, work: Work) => Promise<void> {
  async function carry<E extends Effect>(
    carrier: EffectCarrier<E> | null,
    effect: E,
    work: Work,
  ): Promise<void> {
    if (carrier === null) return;
    try {
      await carrier.start(effect, work);
    } catch (error) {
      const event = carrier.failureOf(effect, error);
      if (event !== null && !work.signal.aborted) parts.send(event);
    }
  }
  return (effect, work) =>
    effect.kind === "train" || effect.kind === "rebaseLayer"
      ? carry(parts.learning(), effect, work)
      : carry(parts.hub(), effect, work);
}
