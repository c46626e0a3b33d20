// One choice between forms as graphs that can be timed: the gradient of one node alone, in each of the forms.
import { differentiate } from "../gradients/differentiate.ts";
import { createGraphEmitter, type GraphEmitter, integer } from "../graph/graphEmitter.ts";
import { nodesBehind } from "../graph/loadGraph.ts";
import type { ModelGraph } from "../graph/modelGraph.ts";
import { writeModel } from "../onnx/modelFile.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import {
  type CheckedLowering,
  createLowering,
  knownSizes,
  type LoweringSite,
  type PredictedForm,
} from "./createLowering.ts";
import type { LoweredOperation } from "./lowering.ts";

/** A choice between forms. Plain data. */
export interface LoweringChoice {
  /** Key of `LoweringSpec.forms`. */
  readonly site: string;
  readonly operation: LoweredOperation;
  /** Whether the training holds it as it stands; false for the gradients of a convolution that is written in tiles. */
  readonly isWritten: boolean;
  /** Inputs by which the gradients are. */
  readonly targets: readonly string[];
  /** What every graph is fed, float32. */
  readonly inputs: readonly { readonly name: string; readonly dims: readonly number[] }[];
  /** The predicted fastest first. */
  readonly forms: readonly LoweringCandidate[];
  /** The form that the plan takes now. */
  readonly chosen: string;
}

/** One form of a choice. */
export interface LoweringCandidate extends PredictedForm {
  /** ONNX: the node's gradient in this form, and the node itself where the form reads what it gives. Its only output is {@link candidateOutput}. */
  readonly graph: Uint8Array;
}

/** Name of the output of every candidate. */
export const candidateOutput = "result";

const SEED = "time:seed";

/**
 * Writes the candidates of a site.
 *
 * @param changing values that are inputs of the training graph, not constants
 */
export function loweringChoice(
  graph: ModelGraph,
  site: LoweringSite,
  changing: ReadonlySet<string>,
  spec: CheckedLowering,
  isWritten: boolean,
): LoweringChoice {
  const node = graph.nodes.find((one) => one.outputs[0] === site.output);
  const read = [...new Set(node?.inputs ?? [])].filter((input) => input !== "");
  const isConstant = (name: string): boolean => graph.constants.has(name) && !changing.has(name);
  const targets = new Set(site.targets);
  const dimsOf = (name: string): readonly number[] =>
    knownSizes(graph.values.get(name)?.shape ?? [], spec.batchSize);
  const inputs = [
    ...read
      .filter((name) => !isConstant(name) || targets.has(name))
      .map((name) => ({ name, dims: dimsOf(name) })),
    { name: SEED, dims: dimsOf(site.output) },
  ];
  const alone: ModelGraph = { ...graph, nodes: node === undefined ? [] : [node] };
  const forms = site.forms.map((form): LoweringCandidate => {
    const emit = createGraphEmitter("time:");
    for (const input of read) {
      const constant = graph.constants.get(input);
      if (constant !== undefined && isConstant(input) && !targets.has(input)) emit.keep(constant);
    }
    for (const one of alone.nodes) emit.copy(one);
    const gradients = differentiate({
      graph: alone,
      emit,
      seeds: new Map([[site.output, SEED]]),
      wanted: targets,
      lowering: createLowering({ ...spec, forms: { conv: "direct", [site.operation]: form.name } }),
    });
    writeResult(emit, [
      ...site.targets.map((target) => gradients.get(target) ?? ""),
      // A form that writes the node anew is timed with what the node gives.
      ...(site.operation === "conv" ? [site.output] : []),
    ]);
    return {
      ...form,
      graph: writeModel(graph.opset, {
        name: "candidate",
        // Engines run what nobody reads, too: the node itself stands only where the form reads what it gives.
        nodes: nodesBehind(emit.nodes, [candidateOutput]),
        initializers: emit.constants,
        inputs: inputs.map((input) => writeValue(input.name, "float32", input.dims)),
        outputs: [writeValue(candidateOutput, "float32", undefined)],
      }),
    };
  });
  const { name, operation, chosen } = site;
  return { site: name, operation, isWritten, targets: site.targets, inputs, forms, chosen };
}

/** One output, also where there are several values: an element of each, so that all are computed and none is copied. */
function writeResult(emit: GraphEmitter, values: readonly string[]): void {
  const [only = ""] = values;
  if (values.length === 1) {
    emit.node("Identity", [only], {}, candidateOutput);
    return;
  }
  const elements = values.map((value) => {
    const flat = emit.node("Reshape", [value, emit.integers([-1])]);
    return emit.node("Slice", [flat, emit.integers([0]), emit.integers([1])]);
  });
  emit.node("Concat", elements, { axis: integer(0) }, candidateOutput);
}
