// Liveness: how many bytes of intermediate values are held at once while a graph runs from its first node to its last.
import type { SizedGraph } from "./sizedGraph.ts";

/** Operators whose output is their input under another shape: the engine copies nothing. */
const views: ReadonlySet<string> = new Set([
  "Flatten",
  "Identity",
  "Reshape",
  "Squeeze",
  "Unsqueeze",
]);

/** Operators that need their inputs whole while they write; all others may write over an input of the same size that nobody reads again. */
const separate: ReadonlySet<string> = new Set([
  "AveragePool",
  "Concat",
  "Conv",
  "ConvTranspose",
  "Einsum",
  "Expand",
  "GRU",
  "Gather",
  "GatherElements",
  "GatherND",
  "Gemm",
  "LSTM",
  "MatMul",
  "MaxPool",
  "Pad",
  "RNN",
  "Scan",
  "Slice",
  "Split",
  "Tile",
  "Transpose",
]);

/**
 * Largest sum of the bytes of all intermediate values that are alive at once. A value lives from the node that makes it to the last that reads
 * it; outputs of the graph live on. What is listed as an input or a constant is not counted: it stands in memory that somebody else gives.
 *
 * - O(nodes + uses).
 */
export function activationPeak(graph: SizedGraph): number {
  const outside = new Set([...graph.inputs, ...graph.constants, ""]);
  // What memory a value stands in: its own, or that of the value it is a view of.
  const memoryOf = new Map<string, string>();
  const memory = (name: string): string => memoryOf.get(name) ?? name;
  const lastUse = new Map<string, number>();
  graph.nodes.forEach((node, at) => {
    const [first = ""] = node.inputs;
    const [output = ""] = node.outputs;
    if (views.has(node.operator)) memoryOf.set(output, memory(first));
    for (const input of node.inputs) lastUse.set(memory(input), at);
  });
  for (const output of graph.outputs) lastUse.set(memory(output), graph.nodes.length);

  let held = 0;
  let peak = 0;
  const dying = new Map<number, string[]>();
  for (const [name, at] of lastUse) dying.set(at, [...(dying.get(at) ?? []), name]);
  const made = new Set<string>();
  graph.nodes.forEach((node, at) => {
    const dead = (dying.get(at) ?? []).filter((name) => made.has(name) && !outside.has(name));
    if (!views.has(node.operator)) {
      const over = separate.has(node.operator)
        ? undefined
        : dead.find((name) => graph.bytesOf(name) === graph.bytesOf(node.outputs[0] ?? ""));
      for (const output of node.outputs) {
        if (outside.has(output)) continue;
        made.add(output);
        held += graph.bytesOf(output);
      }
      const loop = graph.loops.get(node);
      const inside = loop === undefined ? 0 : activationPeak(loop.body);
      peak = Math.max(peak, held + inside - (over === undefined ? 0 : graph.bytesOf(over)));
    }
    for (const name of dead) held -= graph.bytesOf(name);
    // What nobody reads is gone at once.
    for (const output of node.outputs) {
      if (made.has(output) && !lastUse.has(output)) held -= graph.bytesOf(output);
    }
  });
  return peak;
}
