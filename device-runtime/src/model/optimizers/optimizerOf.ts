// From the name of an optimizer to its rule, with every default filled in.
import {
  checkKeys,
  isNotNegative,
  isPositive,
  isRecord,
  isShare,
  setting,
} from "../compile/planSetting.ts";
import { turnAway } from "../turnAway.ts";
import { adam } from "./adam.ts";
import type { OptimizerRule, OptimizerSpec } from "./optimizerRule.ts";
import { momentum, sgd } from "./sgd.ts";

/** Checks an optimizer's settings; gives its rule, and the settings with their defaults. */
export function optimizerOf(spec: OptimizerSpec): { rule: OptimizerRule; settings: object } {
  if (!isRecord(spec)) checkKeys("optimizer", spec, ["kind"]);
  const take = (...keys: string[]): void =>
    checkKeys("optimizer", spec, ["kind", "weightDecay", ...keys]);
  const decay = (fallback: number): number =>
    setting("weightDecay", spec.weightDecay, fallback, isNotNegative, "0 or more");
  switch (spec.kind) {
    case "sgd": {
      take();
      const weightDecay = decay(0);
      return { rule: sgd(weightDecay), settings: { kind: spec.kind, weightDecay } };
    }
    case "momentum":
    case "nesterov": {
      take("momentum");
      const factor = setting("momentum", spec.momentum, 0.9, isShare, "in [0, 1)");
      const weightDecay = decay(0);
      return {
        rule: momentum(factor, weightDecay, spec.kind === "nesterov"),
        settings: { kind: spec.kind, momentum: factor, weightDecay },
      };
    }
    case "adam":
    case "adamw": {
      take("beta1", "beta2", "epsilon");
      const settings = {
        beta1: setting("beta1", spec.beta1, 0.9, isShare, "in [0, 1)"),
        beta2: setting("beta2", spec.beta2, 0.999, isShare, "in [0, 1)"),
        epsilon: setting("epsilon", spec.epsilon, 1e-8, isPositive, "above 0"),
        weightDecay: decay(spec.kind === "adamw" ? 0.01 : 0),
        isDecoupled: spec.kind === "adamw",
      };
      return { rule: adam(settings), settings: { kind: spec.kind, ...settings } };
    }
    default:
      return turnAway(
        "model.plan_invalid",
        `optimizer ${JSON.stringify((spec as { kind?: unknown }).kind)} is not known; take sgd, momentum, nesterov, adam or adamw`,
      );
  }
}
