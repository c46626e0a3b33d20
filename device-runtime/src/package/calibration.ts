// What is normal for a model: temperature, out-of-distribution profile, reference rates. It must not measure anything.

import type { DriftReference } from "../core/drift/userDrift.ts";
import type { Abstention } from "../core/ood/abstention.ts";
import type { OodProfile } from "../core/ood/oodProfile.ts";
import type { PopulationScores } from "../core/ood/populationScores.ts";
import type { PersonalRule } from "../core/ood/userCalibration.ts";
import type { Profile } from "../core/profile/profile.ts";
import type { LeaveOneOut } from "./leaveOneOut.ts";
import type { OodInputSpec } from "./oodInput.ts";

/** How a package tells what its model does not know. */
export interface OodCalibration {
  /** Of this layout; a runtime that knows another one refuses it. */
  readonly version: 1;
  /** What the score looks at. */
  readonly input: OodInputSpec;
  /** Of windows that the model was trained on. */
  readonly profile: OodProfile;
  /** Among all people a window whose score is above it is an outlier; `Infinity` when too few windows were seen to say. */
  readonly threshold: number;
  /** Share of normal windows above the threshold, at most; and the p-value at which a window is an outlier for its person. */
  readonly alpha: number;
  /** Windows that the threshold rests on. */
  readonly count: number;
  /** Scores of people that the model was not trained on. */
  readonly population: PopulationScores;
  /** How a person's own scores come to count. */
  readonly personal: PersonalRule;
  /** Which classes could not be told from each other if one were unknown. */
  readonly leaveOneOut: LeaveOneOut;
}

/** What a package says about its model's answers. Part of the ModelVersion, because it decides answers. */
export interface Calibration {
  /** Probabilities are `softmax(logits / temperature)`, `> 0`. */
  readonly temperature: number;
  readonly ood: OodCalibration;
  /** When not to answer, on people that the model was not trained on. */
  readonly abstention: Abstention;
  /** On people that the model was not trained on. */
  readonly reference: {
    /** `[0, 1)`. */
    readonly errorRate: number;
    /** Share above the threshold, `[0, 1)`. */
    readonly outlierShare: number;
    /** Mean largest probability, `(0, 1]`. */
    readonly confidence: number;
    /** Windows that the rates rest on. */
    readonly count: number;
  };
  /** What drift is told by; left out by packages of runtimes that did not watch features. */
  readonly drift?: DriftReference | undefined;
  /** What people's windows look like, by watched feature; left out by packages of before, and where there are too many features to watch. */
  readonly profile?: Profile | undefined;
}
