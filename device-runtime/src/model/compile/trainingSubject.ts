// What a training works on: a typed graph, what in it is trained, and what of the base it reads.
import type { ModelGraph } from "../graph/modelGraph.ts";
import { inCanonicalOrder } from "../parameters/canonicalOrder.ts";
import type { ParameterInfo } from "../parameters/listParameters.ts";
import type { ParameterScope } from "../parameters/parameterScope.ts";
import { type LowRankPatch, patchLowRank } from "./lowRank.ts";
import type { NamedShape } from "./stepBody.ts";

/** A graph to train. */
export interface TrainingSubject {
  readonly graph: ModelGraph;
  /** The value that the loss is of. */
  readonly output: string;
  /** In canonical order. */
  readonly trained: readonly NamedShape[];
  /** The model before low-rank patches were written into it, and those of its parameters that the training changes. */
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
 */
export function trainingSubject(
  graph: ModelGraph,
  output: string,
  scope: ParameterScope,
  chosen: readonly ParameterInfo[],
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
      patches,
      unpatched: { nodes: graph.nodes, changing },
    };
  }
  const trained = chosen.map(({ name, dims }) => ({ name, dims }));
  const unpatched = { nodes: graph.nodes, changing: namesOf(chosen) };
  return { graph, output, trained, patches: [], unpatched };
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
