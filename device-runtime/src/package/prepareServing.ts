// Makes a package's model ready to answer. It compiles, so it is for where a package is made, and for versions that a device takes on: this must
// not be reached by what a page loads at once.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { type CompiledServing, compileServing } from "../model/compile/compileServing.ts";
import { constantTensor } from "../model/graph/constantTensor.ts";
import { readModelFile } from "../model/onnx/modelFile.ts";
import { listParameters } from "../model/parameters/listParameters.ts";
import { checkSizes, type ModelPackage } from "./modelPackage.ts";
import { fillServing, type ServingForm, type ServingGap } from "./servingForm.ts";
import { modelOf } from "./wholeModel.ts";

/**
 * Makes the form that a package's model answers in, for these parameters and all others of its shape.
 *
 * @param madeOf digests of the package's graph and learning part
 * @returns `model.*` when the model does not compile for serving, `input.shape_mismatch` when its shapes are not those that the package
 *   speaks of
 */
export function prepareServing(
  modelPackage: ModelPackage,
  madeOf: ServingForm["madeOf"],
): Outcome<ServingForm> {
  const model = modelOf(modelPackage);
  if (!model.ok) return model;
  const compiled = compileServing(model.value, modelPackage.learning.plan);
  if (!compiled.ok) return compiled;
  const fits = checkSizes(modelPackage, compiled.value);
  if (!fits.ok) return fits;
  const { graph, names, parameters, sampleDims, logitCount, featureCount } = compiled.value;
  const inScope = new Set(parameters.map(({ name }) => name));
  const frozen = modelPackage.parameters.filter(({ name }) => !inScope.has(name));
  const gaps = gapsOf(
    compiled.value,
    frozen.map(({ name }) => name),
  );
  const form = { graph: withoutGaps(graph, gaps), gaps };
  const filled = fillServing(form, frozen);
  // What a gap would miss would stay as it is in this version, and answer for all others.
  if (
    !filled.ok ||
    gaps.length !== frozen.length ||
    !filled.value.every((byte, index) => byte === graph[index])
  ) {
    return refuse(
      "model.malformed",
      `${gaps.length} of ${frozen.length} frozen parameters stand in the model in one piece of their own; export it again`,
    );
  }
  return accept({
    ...form,
    madeOf,
    names,
    parameters,
    sampleDims,
    logitCount,
    featureCount,
    areFeaturesShared: isHeadOnly(model.value, inScope),
  });
}

function gapsOf({ graph }: CompiledServing, frozen: readonly string[]): readonly ServingGap[] {
  const file = readModelFile(graph);
  const tensors = new Map(
    [...file.initializers, ...file.nodes.flatMap((node) => constantOf(node))].map((tensor) => [
      tensor.name,
      tensor,
    ]),
  );
  return frozen
    .flatMap((name) => {
      const bytes = tensors.get(name)?.bytes;
      return bytes === undefined
        ? []
        : { name, offset: bytes.byteOffset - graph.byteOffset, length: bytes.length };
    })
    .sort((a, b) => a.offset - b.offset);
}

function constantOf(node: Parameters<typeof constantTensor>[0]) {
  const tensor = node.operator === "Constant" ? constantTensor(node) : undefined;
  return tensor === undefined ? [] : [tensor];
}

function withoutGaps(graph: Uint8Array, gaps: readonly ServingGap[]): Uint8Array {
  const rest = new Uint8Array(graph.length - gaps.reduce((sum, { length }) => sum + length, 0));
  let from = 0;
  let to = 0;
  for (const { offset, length } of gaps) {
    rest.set(graph.subarray(from, offset), to);
    to += offset - from;
    from = offset + length;
  }
  rest.set(graph.subarray(from), to);
  return rest;
}

/** Whether everything in the scope belongs to the last layer with a weight. */
function isHeadOnly(model: Uint8Array, inScope: ReadonlySet<string>): boolean {
  const infos = listParameters(model);
  if (!infos.ok) return false;
  const trainable = infos.value.filter(({ isTrainable }) => isTrainable);
  const lastLayer = Math.max(...trainable.map(({ layer }) => layer));
  return trainable.every(({ name, layer }) => layer === lastLayer || !inScope.has(name));
}
