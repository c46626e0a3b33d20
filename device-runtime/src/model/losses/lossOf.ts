// From the name of a loss to its rule, with every default filled in.
import {
  checkKeys,
  flag,
  isNotNegative,
  isPositive,
  isRecord,
  isShare,
  setting,
  textOf,
} from "../compile/planSetting.ts";
import { turnAway } from "../turnAway.ts";
import { binaryCrossEntropy } from "./binaryCrossEntropy.ts";
import { type CrossEntropySettings, crossEntropy } from "./crossEntropy.ts";
import { huber } from "./huber.ts";
import type { Distillation, LossRule, LossSpec } from "./lossRule.ts";
import { meanSquaredError } from "./meanSquaredError.ts";

/** Checks a loss's settings; gives its rule, and the settings with their defaults. */
export function lossOf(spec: LossSpec): { rule: LossRule; settings: object } {
  if (!isRecord(spec)) checkKeys("loss", spec, ["kind"]);
  const take = (...keys: string[]): void =>
    checkKeys("loss", spec, ["kind", "sampleWeights", ...keys]);
  const shared = { kind: spec.kind, sampleWeights: flag("sampleWeights", spec.sampleWeights) };
  switch (spec.kind) {
    case "crossEntropy": {
      take("labelSmoothing", "classWeights", "distillation");
      const settings: CrossEntropySettings = {
        labelSmoothing: setting("labelSmoothing", spec.labelSmoothing, 0, isShare, "in [0, 1)"),
        classWeights: weights("classWeights", spec.classWeights),
        distillation: distillation(spec.distillation),
      };
      return { rule: crossEntropy(settings), settings: { ...shared, ...settings } };
    }
    case "binaryCrossEntropy": {
      take("positiveWeights");
      const positiveWeights = weights("positiveWeights", spec.positiveWeights);
      return {
        rule: binaryCrossEntropy(positiveWeights),
        settings: { ...shared, positiveWeights },
      };
    }
    case "huber": {
      take("delta");
      const delta = setting("delta", spec.delta, 1, isPositive, "above 0");
      return { rule: huber(delta), settings: { ...shared, delta } };
    }
    case "meanSquaredError":
      take();
      return { rule: meanSquaredError, settings: shared };
    default:
      return turnAway(
        "model.plan_invalid",
        `loss ${JSON.stringify((spec as { kind?: unknown }).kind)} is not known; take crossEntropy, binaryCrossEntropy, meanSquaredError or huber`,
      );
  }
}

function weights(name: string, values: readonly number[] | undefined): readonly number[] | null {
  if (values === undefined) return null;
  if (!Array.isArray(values)) {
    turnAway("model.plan_invalid", `${name} is ${textOf(values)}, must be a list of numbers`);
  }
  const checked = values.map((value, index) =>
    setting(`${name}[${index}]`, value, 0, isNotNegative, "0 or more"),
  );
  if (!checked.some((value) => value > 0)) {
    turnAway("model.plan_invalid", `${name} has no value above 0, so nothing would be learned`);
  }
  return checked;
}

function distillation(spec: Distillation | undefined): CrossEntropySettings["distillation"] {
  if (spec === undefined) return null;
  checkKeys("distillation", spec, ["weight", "temperature"]);
  const isWeight = (value: number): boolean => value > 0 && value <= 1;
  return {
    weight: setting("distillation.weight", spec.weight, 0, isWeight, "above 0 and at most 1"),
    temperature: setting("distillation.temperature", spec.temperature, 2, isPositive, "above 0"),
  };
}
