// A budget picks the scope: the most that may learn within memory, time and bytes on the wire.
import { accept, type Outcome, refuse } from "@attune/protocol";
import type { TrainingPlan } from "../compile/trainingPlan.ts";
import { listParameters } from "../parameters/listParameters.ts";
import type { ParameterScope } from "../parameters/parameterScope.ts";
import { type PlanReport, type PlanReportOptions, reportPlan } from "./reportPlan.ts";

/** What a training may cost; what is left out does not count. */
export interface TrainingBudget extends PlanReportOptions {
  /** Limit of {@link PlanReport.peakBytes}. */
  readonly bytesMax?: number;
  /** Limit of {@link PlanReport.msPerStep}. */
  readonly msMax?: number;
  /** Limit of {@link PlanReport.deltaBytes}; what a hub takes at most is `DELTA_BYTES_MAX` of `@attune/protocol`. */
  readonly deltaBytesMax?: number;
  /** Scopes to choose from, the one wanted most first; if left out: all, ever fewer last layers, head, normalisations, biases. */
  readonly scopes?: readonly ParameterScope[];
}

/** A scope that fits, with its cost. */
export interface ChosenScope {
  readonly scope: ParameterScope;
  readonly report: PlanReport;
  /** Scopes that were wanted more, and why each was not taken. */
  readonly passedOver: readonly { readonly scope: ParameterScope; readonly reason: string }[];
}

/**
 * Chooses the first scope whose training fits a budget.
 *
 * - Pure; cost as of {@link reportPlan} for each scope that is looked at.
 *
 * @param model bytes of an ONNX file, not trusted
 * @param plan everything but the scope
 * @returns the scope, or `model.plan_invalid` with the reason of every scope
 * @example
 * const model = buildPerceptron({ inputSize: 561, hidden: [64], classCount: 6 }, createSeededRandom(1));
 * const plan = { loss: { kind: "crossEntropy" }, optimizer: { kind: "adam" } } as const;
 * const chosen = chooseScope(model, plan, { deltaBytesMax: 4096 });
 * chosen.ok && chosen.value.scope; // => "head"
 */
export function chooseScope(
  model: Uint8Array,
  plan: Omit<TrainingPlan, "scope">,
  budget: TrainingBudget = {},
): Outcome<ChosenScope> {
  const scopes = budget.scopes === undefined ? usualScopes(model) : accept(budget.scopes);
  if (!scopes.ok) return scopes;
  const passedOver: { scope: ParameterScope; reason: string }[] = [];
  for (const scope of scopes.value) {
    const report = reportPlan(model, { ...plan, scope }, budget);
    const reason = report.ok ? overBudget(report.value, budget) : report.refusal.message;
    if (report.ok && reason === undefined) {
      return accept({ scope, report: report.value, passedOver });
    }
    passedOver.push({ scope, reason: reason ?? "" });
  }
  return refuse(
    "model.plan_invalid",
    `no scope fits the budget: ${passedOver.map(({ scope, reason }) => `${JSON.stringify(scope)} ${reason}`).join("; ")}`,
  );
}

/** All, then 2^n last layers from the largest down, head, normalisations, biases. */
function usualScopes(model: Uint8Array): Outcome<readonly ParameterScope[]> {
  const infos = listParameters(model);
  if (!infos.ok) return infos;
  const trainable = infos.value.filter(({ isTrainable }) => isTrainable);
  const layerCount = new Set(trainable.map(({ layer }) => layer)).size;
  const last: ParameterScope[] = [];
  for (let count = 2; count < layerCount; count *= 2) last.unshift({ lastLayers: count });
  return accept(["all", ...last, "head", "norm", "bias"]);
}

function overBudget(report: PlanReport, budget: TrainingBudget): string | undefined {
  const limits = [
    ["bytes of memory", report.peakBytes, budget.bytesMax],
    ["ms a step", report.msPerStep, budget.msMax],
    ["bytes of delta", report.deltaBytes, budget.deltaBytesMax],
  ] as const;
  const over = limits.find(([, cost, limit]) => limit !== undefined && cost > limit);
  return over === undefined
    ? undefined
    : `needs ${Number(over[1].toPrecision(4))} ${over[0]}, limit ${over[2]}`;
}
