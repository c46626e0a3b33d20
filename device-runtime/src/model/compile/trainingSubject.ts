// What a training works on: a typed graph, what in it is trained, and what of the base it reads.
import type { ModelGraph } from "../graph/modelGraph.ts";
import { inCanonicalOrder } from "../parameters/canonicalOrder.ts";
import type { ParameterInfo } from "../parameters/listParameters.ts";
import type { ParameterScope } from "../parameters/parameterScope.ts";
import type {
  RunningNormalization,
  RunningStatistics,
  Statistic,
} from "../parameters/runningStatistics.ts";
import { normalizeByBatch } from "./batchNormalizations.ts";
import { type LowRankPatch, patchLowRank } from "./lowRank.ts";
import type { NamedShape } from "./stepBody.ts";

/** A graph to train. */
export interface TrainingSubject {
  readonly graph: ModelGraph;
  /** The value that the loss is of. */
  readonly output: string;
  /** In canonical order. */
  readonly trained: readonly NamedShape[];
  /** Running statistics that the steps count, in canonical order. */
  readonly statistics: readonly Statistic[];
  /** Normalisations that go by the batch, by the first output of their nodes. */
  readonly normalizations: ReadonlyMap<string, RunningNormalization>;
  /** The smallest batch that can be normalised. */
  readonly batchSizeMin: number;
  /** The model before low-rank patches were written into it and normalisations went by the batch, and those of its parameters that the training changes. */
  readonly unpatched: {
    readonly nodes: ModelGraph["nodes"];
    readonly changing: ReadonlySet<string>;
  };
  readonly patches: readonly LowRankPatch[];
}

/**
 * The graph of a scope.
 *
 * @param chosen the parameters that the scope names
 * @param running normalisations among them that go by the batch; none for low-rank patches, which train no scale and no shift
 */
export function trainingSubject(
  graph: ModelGraph,
  output: string,
  scope: ParameterScope,
  chosen: readonly ParameterInfo[],
  running: RunningStatistics,
): TrainingSubject {
  const namesOf = (tensors: readonly NamedShape[]) => new Set(tensors.map(({ name }) => name));
  if (typeof scope === "object" && "lowRank" in scope) {
    const { graph: patched, patches } = patchLowRank(graph, scope, chosen);
    const trained = inCanonicalOrder(
      patches.flatMap(({ down, up }) => [down, up]),
      ({ name }) => name,
    );
    const changing = namesOf(patches.map(({ weight }) => weight));
    return {
      graph: patched,
      output,
      trained,
      statistics: [],
      normalizations: new Map(),
      batchSizeMin: 1,
      patches,
      unpatched: { nodes: graph.nodes, changing },
    };
  }
  const trained = chosen.map(({ name, dims }) => ({ name, dims }));
  const { statistics } = running;
  const unpatched = { nodes: graph.nodes, changing: namesOf([...chosen, ...statistics]) };
  const byBatch = normalizeByBatch(graph, running.normalizations);
  return { ...byBatch, output, trained, statistics, patches: [], unpatched };
}

/** Names of the parameters whose base values a training reads. */
export function baseNames(
  { trained, patches, unpatched }: TrainingSubject,
  plan: { readonly pullToBase: number; readonly loss: { readonly asksBase: boolean } },
): readonly string[] {
  if (patches.length > 0) return patches.map(({ weight }) => weight.name);
  if (plan.loss.asksBase) return [...unpatched.changing];
  return plan.pullToBase > 0 ? trained.map(({ name }) => name) : [];
}
