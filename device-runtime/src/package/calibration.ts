// What is normal for a model: temperature, out-of-distribution profile, reference rates. It must not measure anything.
import type { OodProfile } from "../core/ood/oodProfile.ts";

/** What a package says about its model's answers. Part of the ModelVersion, because it decides answers. */
export interface Calibration {
  /** Probabilities are `softmax(logits / temperature)`, `> 0`. */
  readonly temperature: number;
  readonly ood: {
    /** Of features, on windows that the model was trained on. */
    readonly profile: OodProfile;
    /** A window whose score is above it is an outlier; `Infinity` when too few windows were seen to say. */
    readonly threshold: number;
    /** Share of normal windows above the threshold, at most. */
    readonly alpha: number;
    /** Windows that the threshold rests on. */
    readonly count: number;
  };
  /** On people that the model was not trained on. */
  readonly reference: {
    /** `[0, 1)`. */
    readonly errorRate: number;
    /** `[0, 1)`. */
    readonly outlierShare: number;
    /** Mean largest probability, `(0, 1]`. */
    readonly confidence: number;
    /** Windows that the rates rest on. */
    readonly count: number;
  };
}
