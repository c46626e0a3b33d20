// Which parameters may learn.
import { checkKeys, checkTexts, isRecord, textOf } from "../compile/planSetting.ts";
import { turnAway } from "../turnAway.ts";
import type { ParameterInfo } from "./listParameters.ts";

/**
 * Rank-`lowRank` patches on frozen weights (LoRA): two thin factors of each are trained instead of the weight.
 *
 * What is trained are the factors; what a device serves and contributes are the weights with their patches added (`trainedParameters`).
 */
export interface LowRankScope {
  /** Rank of the patches, `>= 1`; 1 to 8 is usual. */
  readonly lowRank: number;
  /** What the product of the factors is multiplied by, `> 0`; 1 if left out. */
  readonly scale?: number;
  /** Weights of `MatMul`, `Gemm` or an ungrouped `Conv`, by name; all whose factors are smaller than they are if left out. */
  readonly weights?: readonly string[];
}

/**
 * Which parameters of a model may change in training. Plain data, safe in JSON.
 *
 * - `"head"`: the last layer with a weight; the least that can learn, and a step costs little more than inference.
 * - `"bias"`: every bias and shift, a few hundred numbers.
 * - `"norm"`: scale and shift of every normalisation.
 * - `{ lastLayers: k }`: the last k layers with a weight, and the normalisations behind each.
 * - `{ lowRank: r }`: rank-r patches on weights.
 * - `"all"`: everything but statistics.
 * - `{ names }`: these, by name.
 */
export type ParameterScope =
  | "head"
  | "bias"
  | "norm"
  | "all"
  | { readonly lastLayers: number }
  | { readonly names: readonly string[] }
  | LowRankScope;

/** Turns away what is no scope at all; whether a model has what it names is {@link scopeParameters}' business. */
export function checkScope(scope: ParameterScope): ParameterScope {
  const isObject: boolean = isRecord(scope);
  if (typeof scope === "string") {
    if (["head", "bias", "norm", "all"].includes(scope)) return scope;
  } else if (isObject && "lowRank" in scope) {
    checkKeys("scope", scope, ["lowRank", "scale", "weights"]);
    const { lowRank, scale = 1, weights } = scope;
    if (weights !== undefined) checkTexts("weights of the scope", weights);
    if (Number.isInteger(lowRank) && lowRank >= 1 && scale > 0 && Number.isFinite(scale)) {
      return scope;
    }
  } else if (isObject && "lastLayers" in scope) {
    checkKeys("scope", scope, ["lastLayers"]);
    return scope;
  } else if (isObject && "names" in scope) {
    checkKeys("scope", scope, ["names"]);
    checkTexts("names of the scope", scope.names);
    return scope;
  }
  return turnAway(
    "model.plan_invalid",
    `scope ${textOf(scope)} is not known; take "head", "bias", "norm", "all", { lastLayers }, { lowRank } with a rank from 1 and a scale above 0, or { names }`,
  );
}

/**
 * The parameters of the model that a scope changes, in canonical order, at least one. For low-rank patches these are the weights that may be
 * patched.
 */
export function scopeParameters(
  infos: readonly ParameterInfo[],
  scope: ParameterScope,
): readonly ParameterInfo[] {
  const trainable = infos.filter((info) => info.isTrainable);
  const chosen = choose(trainable, scope);
  if (chosen.length === 0) {
    const names = trainable.map((info) => info.name).join(", ");
    turnAway(
      "model.parameter_unknown",
      trainable.length === 0
        ? "this model has no float32 weight, bias or scale that an operator takes from a constant, so nothing of it can be trained; exposeParameters makes parameters of weights that are stored in another form"
        : `scope ${JSON.stringify(scope)} names no parameter of this model; take "all", or name some of ${names}`,
    );
  }
  return chosen;
}

function choose(
  trainable: readonly ParameterInfo[],
  scope: ParameterScope,
): readonly ParameterInfo[] {
  if (scope === "all") return trainable;
  if (scope === "bias") {
    return trainable.filter((info) => info.role === "bias" || info.role === "shift");
  }
  if (scope === "norm") {
    return trainable.filter((info) => info.role === "scale" || info.role === "shift");
  }
  if (typeof scope === "object" && "names" in scope) return named(trainable, scope.names);
  if (typeof scope === "object" && "lowRank" in scope) {
    const chosen = scope.weights === undefined ? trainable : named(trainable, scope.weights);
    return chosen.filter((info) => info.role === "weight");
  }
  const layers = [...new Set(trainable.map((info) => info.layer))].sort((a, b) => b - a);
  const count = scope === "head" ? 1 : scope.lastLayers;
  if (!Number.isInteger(count) || count < 1 || count > layers.length) {
    turnAway(
      "model.parameter_unknown",
      `the last ${count} layers are asked for, the model has ${layers.length}; choose from 1 to ${layers.length}`,
    );
  }
  const kept = new Set(layers.slice(0, count));
  return trainable.filter((info) => kept.has(info.layer));
}

function named(
  trainable: readonly ParameterInfo[],
  names: readonly string[],
): readonly ParameterInfo[] {
  for (const name of names) {
    if (!trainable.some((info) => info.name === name)) {
      turnAway(
        "model.parameter_unknown",
        `the model has no trainable parameter ${name}; it has ${trainable.map((info) => info.name).join(", ")}`,
      );
    }
  }
  return trainable.filter((info) => names.includes(info.name));
}
