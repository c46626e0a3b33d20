// All out-of-distribution scores under one form: fit where a package is made, score on the device.
import { accept, type Outcome } from "@attune/protocol";
import type { ForkableRandom } from "../../ports/random.ts";
import {
  type CombinedProfile,
  type CombinedSettings,
  createCombinedScorer,
  fitCombined,
} from "./combined.ts";
import { checkEnergy, createEnergyScorer, type EnergyProfile } from "./energy.ts";
import { fitMahalanobis } from "./fitMahalanobis.ts";
import { type GaussianProfile } from "./gaussianProfile.ts";
import {
  createIsolationForestScorer,
  fitIsolationForest,
  type IsolationForestProfile,
  type IsolationForestSettings,
} from "./isolationForest.ts";
import { createKnnScorer, fitKnn, type KnnProfile, type KnnSettings } from "./knn.ts";
import { createLargestScoreScorer, type LargestScoreProfile } from "./largestScore.ts";
import { createMahalanobisScorer } from "./mahalanobis.ts";
import { checkOodSamples, type OodSamples } from "./oodSamples.ts";
import type { OodScorer } from "./oodScorer.ts";
import {
  createRelativeMahalanobisScorer,
  fitRelativeMahalanobis,
  type RelativeMahalanobisProfile,
} from "./relativeMahalanobis.ts";
import { createVimScorer, fitVim, type VimProfile, type VimSettings } from "./vim.ts";

/** Class Gaussians as a profile of their own. */
export interface MahalanobisProfile {
  readonly kind: "mahalanobis";
  readonly classes: GaussianProfile;
}

/** What a model package says about the samples that its model knows: plain data, of one score. */
export type OodProfile =
  | CombinedProfile
  | MahalanobisProfile
  | RelativeMahalanobisProfile
  | KnnProfile
  | VimProfile
  | EnergyProfile
  | LargestScoreProfile
  | IsolationForestProfile;

/** Name of a score. */
export type OodKind = OodProfile["kind"];

/** Which score, and how it is fitted; plain data. */
export type OodMethod =
  | ({ readonly kind: "combined" } & CombinedSettings)
  | { readonly kind: "mahalanobis"; readonly shrinkage?: number | undefined }
  | { readonly kind: "relativeMahalanobis"; readonly shrinkage?: number | undefined }
  | ({ readonly kind: "knn" } & KnnSettings)
  | ({ readonly kind: "vim" } & VimSettings)
  | { readonly kind: "energy"; readonly temperature?: number | undefined }
  | { readonly kind: LargestScoreProfile["kind"] }
  | ({ readonly kind: "isolationForest" } & IsolationForestSettings);

/** Every score once, with its defaults. */
export const oodMethods: readonly OodMethod[] = [
  { kind: "combined" },
  { kind: "knn" },
  { kind: "mahalanobis" },
  { kind: "relativeMahalanobis" },
  { kind: "vim" },
  { kind: "isolationForest" },
  { kind: "energy" },
  { kind: "maximumSoftmax" },
  { kind: "maxLogit" },
];

/**
 * Fits one score.
 *
 * - The same samples, method and random give the same profile.
 *
 * @param random its forks are used, it is not drawn from
 * @returns `input.shape_mismatch`, `input.not_finite`
 */
export function fitOodProfile(
  samples: OodSamples,
  method: OodMethod,
  random: ForkableRandom,
): Outcome<OodProfile> {
  const checked = checkOodSamples(samples);
  if (!checked.ok) return checked;
  const { features, labels, dimension, classCount } = samples;
  switch (method.kind) {
    case "mahalanobis": {
      const { shrinkage } = method;
      const classes = fitMahalanobis(features, labels, { dimension, classCount, shrinkage });
      return classes.ok ? accept({ kind: "mahalanobis", classes: classes.value }) : classes;
    }
    case "relativeMahalanobis":
      return fitRelativeMahalanobis(samples, method.shrinkage);
    case "combined":
      return fitCombined(samples, random.fork("combined"), method);
    case "knn":
      return fitKnn(samples, random.fork("knn"), method);
    case "vim":
      return fitVim(samples, method);
    case "energy":
      return checkEnergy({ kind: "energy", classCount, temperature: method.temperature ?? 1 });
    case "maximumSoftmax":
    case "maxLogit":
      return accept({ kind: method.kind, classCount });
    case "isolationForest":
      return fitIsolationForest(samples, random.fork("isolation forest"), method);
  }
}

/**
 * Creates the scorer of a profile.
 *
 * @param profile one that `checkOodProfile` accepts
 */
export function createOodScorer(profile: OodProfile): OodScorer {
  switch (profile.kind) {
    case "mahalanobis":
      return createMahalanobisScorer(profile.classes);
    case "relativeMahalanobis":
      return createRelativeMahalanobisScorer(profile);
    case "combined":
      return createCombinedScorer(profile);
    case "knn":
      return createKnnScorer(profile);
    case "vim":
      return createVimScorer(profile);
    case "energy":
      return createEnergyScorer(profile);
    case "maximumSoftmax":
    case "maxLogit":
      return createLargestScoreScorer(profile);
    case "isolationForest":
      return createIsolationForestScorer(profile);
  }
}
