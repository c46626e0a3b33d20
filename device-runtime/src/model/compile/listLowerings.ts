// Which operations of a training can be written in several forms, with a small graph for each form, so that a device can time them.
import type { Outcome } from "@attune/protocol";
import { differentiate } from "../gradients/differentiate.ts";
import { createGraphEmitter } from "../graph/graphEmitter.ts";
import { createLowering } from "../lowering/createLowering.ts";
import { type LoweringChoice, loweringChoice } from "../lowering/loweringChoice.ts";
import { withSubject } from "./compileTraining.ts";
import { TRAINING_PREFIX } from "./trainingNames.ts";
import type { TrainingPlan } from "./trainingPlan.ts";

/**
 * Lists the choices of forms in a training, equal ones once.
 *
 * - Pure; cost as of `compileTraining`, times the number of forms.
 *
 * `timeLowerings` runs the graphs and gives `plan.lowering.forms`.
 *
 * @param model bytes of an ONNX file, not trusted
 * @param plan as for `compileTraining`; its engine and batch size are those that are timed
 * @returns the choices, or the refusal of `compileTraining`
 * @example
 * const sizes = { channels: 6, length: 128, convolutions: [{ filters: 32, kernel: 5 }], dense: [], classCount: 6 };
 * const model = buildCnn1d({ ...sizes, reduce: "average" }, createSeededRandom(1));
 * const plan = { scope: "all", loss: { kind: "crossEntropy" }, optimizer: { kind: "sgd" } } as const;
 * const choices = listLowerings(model, plan);
 * choices.ok && choices.value.map(({ operation }) => operation); // => ["relu.data", "conv.weight", "conv"]
 */
export function listLowerings(
  model: Uint8Array,
  plan: TrainingPlan,
): Outcome<readonly LoweringChoice[]> {
  return withSubject(model, plan, ({ graph, output, trained }, checked) => {
    const wanted = new Set(trained.map(({ name }) => name));
    const emit = createGraphEmitter(`${TRAINING_PREFIX}list:`);
    for (const node of graph.nodes) emit.copy(node);
    const lowering = createLowering(checked.lowering);
    differentiate({ graph, emit, seeds: new Map([[output, emit.fresh()]]), wanted, lowering });
    const tiled = new Set(
      lowering.sites.filter(({ chosen }) => chosen === "tiles").map(({ output: name }) => name),
    );
    const choices = new Map(
      lowering.sites
        .filter((site) => site.forms.length > 1)
        .map((site) => {
          const isWritten = site.operation === "conv" || !tiled.has(site.output);
          return [
            site.name,
            () => loweringChoice(graph, site, wanted, checked.lowering, isWritten),
          ];
        }),
    );
    return [...choices.values()].map((write) => write());
  });
}
