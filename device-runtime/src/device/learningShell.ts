// What learns, put together. It loads with the first feedback or alarm: this must not be reached by what answering needs.
import { type LearningMachines, learningMachines } from "../core/learning/learningMachines.ts";
import type { EffectCarrier } from "./carryOut.ts";
import {
  createLearningCarrier,
  type LearningEffect,
  type LearningEffectParts,
} from "./carryOutLearning.ts";
import type { OpenUser } from "./openUsers.ts";
import { type FeedbackParts, takeFeedback } from "./takeFeedback.ts";

/** The part of a device that learns. */
export interface LearningShell {
  readonly machines: LearningMachines;
  readonly carrier: EffectCarrier<LearningEffect>;
  /** Takes the truth about an answer. Inside the lane only. */
  takeFeedback(
    open: OpenUser,
    predictionId: string,
    label: string,
  ): ReturnType<typeof takeFeedback>;
}

/** What it is made of. */
export type LearningShellParts = LearningEffectParts & FeedbackParts;

/** Puts it together. */
export function createLearningShell(parts: LearningShellParts): LearningShell {
  return {
    machines: learningMachines,
    carrier: createLearningCarrier(parts),
    takeFeedback: (open, predictionId, label) => takeFeedback(parts, open, predictionId, label),
  };
}
