// How a package is to be made, as somebody wrote it down. It must not make one.
import { accept, checkSchema, type Outcome } from "@attune/protocol";
import * as z from "zod/mini";
import type { OodMethod } from "../core/ood/oodProfile.ts";
import type { OodPlan } from "./buildReference.ts";
import type { Learning } from "./learning.ts";
import { oodInputSchema } from "./packageSchemas.ts";

const count = z.int().check(z.minimum(0));
const positiveCount = z.int().check(z.minimum(1));
const knnSettings = {
  neighbours: z.optional(positiveCount),
  referencesMax: z.optional(positiveCount),
  lengthWeight: z.optional(z.number()),
  shrinkage: z.optional(z.number()),
};
const oodMethod: z.ZodMiniType<OodMethod> = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("combined"),
    ...knnSettings,
    relativeWeight: z.optional(z.number()),
  }),
  z.object({ kind: z.literal("knn"), ...knnSettings }),
  z.object({ kind: z.literal("mahalanobis"), shrinkage: z.optional(z.number()) }),
  z.object({ kind: z.literal("relativeMahalanobis"), shrinkage: z.optional(z.number()) }),
  z.object({ kind: z.literal("vim"), principalCount: z.optional(count) }),
  z.object({ kind: z.literal("energy"), temperature: z.optional(z.number()) }),
  z.object({ kind: z.literal("maximumSoftmax") }),
  z.object({ kind: z.literal("maxLogit") }),
  z.object({
    kind: z.literal("isolationForest"),
    treeCount: z.optional(positiveCount),
    subsample: z.optional(positiveCount),
  }),
]);

const recipeSchema = z.strictObject({
  line: z.string(),
  preprocessing: z.unknown(),
  learning: z.optional(z.record(z.string(), z.unknown())),
  ood: z.optional(
    z.strictObject({
      method: z.optional(oodMethod),
      input: z.optional(oodInputSchema),
      alpha: z.optional(z.number()),
      coverage: z.optional(z.number()),
    }),
  ),
});

/** How a package is made, apart from model and windows. */
export interface PackageRecipe {
  readonly line: string;
  /** Not checked: see `parsePreprocessing`. */
  readonly preprocessing: unknown;
  /** Not checked: see `parseLearning`. */
  readonly learning: Partial<Learning>;
  readonly ood: Pick<OodPlan, "method" | "input" | "alpha" | "coverage">;
}

/** Reads a recipe from outside. */
export function parseRecipe(value: unknown): Outcome<PackageRecipe> {
  const checked = checkSchema(recipeSchema, value, "recipe", "mend it in the recipe");
  if (!checked.ok) return checked;
  const { line, preprocessing: described, learning: changes = {}, ood = {} } = checked.value;
  return accept({ line, preprocessing: described, learning: changes, ood });
}
