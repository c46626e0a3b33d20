// Where a graph can be cut in two: the last value through which everything trained sees the input.
import { batchOf } from "../compile/sampleInputs.ts";
import { isSameDim, isStatic, type Shape } from "../graph/dim.ts";
import type { GraphValue, ModelGraph } from "../graph/modelGraph.ts";

interface Place {
  readonly name: string;
  /** The nearest value that every way from the input to this one goes through. */
  readonly above: Place | undefined;
  readonly depth: number;
}

function common(a: Place, b: Place): Place {
  let [one, other] = [a, b];
  while (one !== other) {
    if (one.depth >= other.depth && one.above !== undefined) one = one.above;
    else if (other.above !== undefined) other = other.above;
    else break;
  }
  return one;
}

/**
 * The last value before the trained ones that separates them from an input, is float32, and has the batch as its first size and all
 * others known; the input itself where there is none. Other inputs, such as a mask, are no way from this one.
 *
 * - O(nodes x depth): dominators of a graph without cycles, in execution order.
 *
 * @see Cooper, Harvey and Kennedy 2001, section 4, which needs one pass where nothing goes in circles.
 */
export function cutValue(
  graph: ModelGraph,
  changing: ReadonlySet<string>,
  from: GraphValue,
): string {
  const root: Place = { name: from.name, above: undefined, depth: 0 };
  const places = new Map<string, Place>([[root.name, root]]);
  const live = new Set(changing);
  let frontier: Place | undefined;
  for (const node of graph.nodes) {
    const sources = node.inputs.flatMap((input) => places.get(input) ?? []);
    const [first, ...others] = sources;
    if (first === undefined && !node.inputs.some((input) => live.has(input))) continue;
    const above = first === undefined ? undefined : others.reduce(common, first);
    if (node.inputs.some((input) => live.has(input))) {
      for (const output of node.outputs) live.add(output);
      if (above !== undefined) frontier = frontier === undefined ? above : common(frontier, above);
    } else if (above !== undefined) {
      for (const name of node.outputs) places.set(name, { name, above, depth: above.depth + 1 });
    }
  }
  let place = frontier ?? root;
  while (place.above !== undefined && !isFeature(graph, place.name)) place = place.above;
  return place.name;
}

function isFeature(graph: ModelGraph, name: string): boolean {
  const value = graph.values.get(name);
  const shape: Shape = value?.shape ?? [];
  const [batch = 0] = shape;
  return (
    value?.type === "float32" &&
    shape.length >= 2 &&
    isSameDim(batch, batchOf(graph)) &&
    isStatic(shape.slice(1))
  );
}
