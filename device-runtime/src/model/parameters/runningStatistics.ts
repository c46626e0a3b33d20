// Which normalisations of a model learn by the batch, and where their running statistics stand. It writes no graph.
import { nodeText } from "../graph/modelGraph.ts";
import type { ModelFile } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { turnAway } from "../turnAway.ts";
import { inCanonicalOrder } from "./canonicalOrder.ts";
import { type ParameterUse, parameterUses } from "./parameterUses.ts";

/**
 * What `BatchNormalization` nodes of the scope do in training; those outside stay as they are.
 *
 * - `"frozen"`: normalise by their running statistics, as in use.
 * - `"train"`: normalise by the batch and count it into their running statistics, as PyTorch does after `model.train()`.
 */
export type BatchNormalizationMode = "frozen" | "train";

/** A running statistic. */
export interface Statistic {
  readonly name: string;
  readonly dims: readonly number[];
}

/** A node that learns by the batch. */
export interface RunningNormalization {
  /** First output of the node. */
  readonly output: string;
  /** Names of its running statistics. */
  readonly mean: string;
  readonly variance: string;
}

/** Normalisations of a scope with their statistics. */
export interface RunningStatistics {
  readonly normalizations: readonly RunningNormalization[];
  /** Each once, in canonical order. */
  readonly statistics: readonly Statistic[];
}

const noStatistics: RunningStatistics = { normalizations: [], statistics: [] };

/** Inputs of the node that are its statistics. */
const MEAN = 3;
const VARIANCE = 4;

/**
 * The `BatchNormalization` nodes of which a scale or a shift is chosen.
 *
 * One that stands in the graph twice, as a module that is called twice, counts twice into the same statistics.
 *
 * @param file with only those nodes that matter
 * @param chosen parameters of the scope
 */
export function runningStatistics(
  file: ModelFile,
  chosen: readonly { readonly name: string }[],
  mode: BatchNormalizationMode,
): RunningStatistics {
  if (mode === "frozen") return noStatistics;
  const byNode = new Map<OnnxNode, ParameterUse[]>();
  for (const use of parameterUses(file)) {
    if (use.node.operator !== "BatchNormalization") continue;
    byNode.set(use.node, [...(byNode.get(use.node) ?? []), use]);
  }
  if (byNode.size === 0) {
    turnAway(
      "model.plan_invalid",
      'batchNormalization is "train", but this model has no BatchNormalization with parameters of its own; leave the setting out, or export the model without folding its normalisations',
    );
  }
  const names = new Set(chosen.map(({ name }) => name));
  const trained = [...byNode].filter(([, uses]) =>
    uses.some(({ role, tensor }) => role !== "statistic" && names.has(tensor.name)),
  );
  const statistics = new Map<string, Statistic>();
  const normalizations = trained.map(([node, uses]): RunningNormalization => {
    const own = (index: number): string => {
      const name = node.inputs[index] ?? "";
      const tensor = uses.find((use) => use.tensor.name === name)?.tensor;
      if (tensor === undefined) {
        return turnAway(
          "model.operator_unsupported",
          `${nodeText(node)} has no parameter of its own for its running ${index === MEAN ? "mean" : "variance"} (${name}), so it can not learn by the batch; exposeParameters with untie makes it one, or leave batchNormalization out`,
        );
      }
      statistics.set(name, { name, dims: tensor.dims });
      return name;
    };
    return { output: node.outputs[0] ?? "", mean: own(MEAN), variance: own(VARIANCE) };
  });
  checkOtherUses(file, normalizations, statistics);
  return {
    normalizations,
    statistics: inCanonicalOrder([...statistics.values()], ({ name }) => name),
  };
}

/** A statistic that is something else as well, such as a shift of zeros that an exporter found equal, can not be counted. */
function checkOtherUses(
  file: ModelFile,
  normalizations: readonly RunningNormalization[],
  statistics: ReadonlyMap<string, unknown>,
): void {
  const places = new Map(normalizations.map((one) => [one.output, one]));
  for (const node of file.nodes) {
    const place = places.get(node.outputs[0] ?? "");
    const other = node.inputs.find(
      (name, index) =>
        statistics.has(name) &&
        !(index === MEAN && place?.mean === name) &&
        !(index === VARIANCE && place?.variance === name),
    );
    if (other !== undefined) {
      turnAway(
        "model.operator_unsupported",
        `${nodeText(node)} reads the running statistic ${other} as something else; store it as a tensor of its own, or leave batchNormalization out`,
      );
    }
  }
}
