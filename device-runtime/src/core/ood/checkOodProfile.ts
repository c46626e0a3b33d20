// Whether a profile from outside can be scored by: where a package is read, not where its profile scores. It must not score.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { checkCombined } from "./combined.ts";
import { checkEnergy } from "./energy.ts";
import { checkGaussianProfile } from "./gaussianProfile.ts";
import { checkIsolationForest } from "./isolationForest.ts";
import { checkKnn } from "./knn.ts";
import { checkLargestScore } from "./largestScore.ts";
import type { OodProfile } from "./oodProfile.ts";
import { hasShapeOf, kindOf } from "./profileShape.ts";
import { checkRelativeMahalanobis } from "./relativeMahalanobis.ts";
import { checkVim } from "./vim.ts";

/**
 * Checks a profile that came from outside, such as in a model package.
 *
 * @param profile whatever came: it is returned as a profile only when it is one
 * @returns the profile, or `input.shape_mismatch`, `input.not_finite`
 */
export function checkOodProfile(profile: OodProfile): Outcome<OodProfile> {
  const kind = kindOf(profile);
  if (kind === null) {
    return refuse(
      "input.shape_mismatch",
      "profile is of no score that this runtime knows; update the runtime, or fit another score",
    );
  }
  if (!hasShapeOf(kind, profile)) {
    return refuse("input.shape_mismatch", `profile has not the fields of ${kind}; fit it again`);
  }
  switch (profile.kind) {
    case "mahalanobis": {
      const classes = checkGaussianProfile(profile.classes);
      return classes.ok ? accept(profile) : classes;
    }
    case "relativeMahalanobis":
      return checkRelativeMahalanobis(profile);
    case "combined":
      return checkCombined(profile);
    case "knn":
      return checkKnn(profile);
    case "vim":
      return checkVim(profile);
    case "energy":
      return checkEnergy(profile);
    case "maximumSoftmax":
    case "maxLogit":
      return checkLargestScore(profile);
    case "isolationForest":
      return checkIsolationForest(profile);
  }
}
