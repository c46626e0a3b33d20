// Which parameters may learn.
import { turnAway } from "../turnAway.ts";
import type { ParameterInfo } from "./listParameters.ts";

/**
 * Which parameters of a model may change in training. Plain data, safe in JSON.
 *
 * - `"head"`: the last layer with a weight; the least that can learn, and a step costs little more than inference.
 * - `"bias"`: every bias and shift, a few hundred numbers.
 * - `{ lastLayers: k }`: the last k layers with a weight, and the normalisations behind each.
 * - `"all"`: everything but statistics.
 * - `{ names }`: these, by name.
 */
export type ParameterScope =
  | "head"
  | "bias"
  | "all"
  | { readonly lastLayers: number }
  | { readonly names: readonly string[] };

/** The parameters that a scope names, in canonical order, at least one. */
export function scopeParameters(
  infos: readonly ParameterInfo[],
  scope: ParameterScope,
): readonly ParameterInfo[] {
  const trainable = infos.filter((info) => info.isTrainable);
  const chosen = choose(trainable, scope);
  if (chosen.length === 0) {
    turnAway(
      "model.parameter_unknown",
      `scope ${JSON.stringify(scope)} names no parameter of this model; it has ${trainable.length} that can be trained`,
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
  if (typeof scope === "object" && "names" in scope) {
    for (const name of scope.names) {
      if (!trainable.some((info) => info.name === name)) {
        turnAway(
          "model.parameter_unknown",
          `the model has no trainable parameter ${name}; it has ${trainable.map((info) => info.name).join(", ")}`,
        );
      }
    }
    return trainable.filter((info) => scope.names.includes(info.name));
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
