// The output of the base parameters for the batch of a step, beside that of the trained ones.
import type { GraphEmitter } from "../graph/graphEmitter.ts";
import { trainingNames } from "./trainingNames.ts";
import type { TrainingSubject } from "./trainingSubject.ts";

/**
 * Writes the model once more with the base's values where the training changes them. What does not depend on those is computed once and shared.
 *
 * @returns name of the base's output
 */
export function writeTeacher({ output, unpatched }: TrainingSubject, emit: GraphEmitter): string {
  const names = new Map<string, string>();
  for (const name of unpatched.changing) names.set(name, trainingNames.base(name));
  for (const node of unpatched.nodes) {
    if (!node.inputs.some((input) => names.has(input))) continue;
    for (const one of node.outputs) if (one !== "") names.set(one, emit.fresh());
    const rename = (name: string): string => names.get(name) ?? name;
    // Its own name stays with the node that is copied: a graph has each once.
    emit.copy({
      ...node,
      name: "",
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
    });
  }
  return names.get(output) ?? output;
}
