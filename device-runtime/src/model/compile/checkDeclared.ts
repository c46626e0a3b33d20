// Shapes that a file only declares, checked while the graph runs: a wrong one ends the run instead of bending what is learned.
import { isSameDim } from "../graph/dim.ts";
import { createGraphEmitter, integer } from "../graph/graphEmitter.ts";
import type { ModelGraph, ValueType } from "../graph/modelGraph.ts";
import { elementCode } from "../onnx/elementType.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { integerTensor, type OnnxTensor } from "../onnx/tensorMessage.ts";
import { batchOf } from "./sampleInputs.ts";
import { TRAINING_PREFIX } from "./trainingNames.ts";

/**
 * Writes a check behind every value whose shape is only declared. A dozen nodes on a few integers each; models without such values stay as they are.
 *
 * No operator of ONNX refuses a shape, so the value is reshaped to its own shape, which is looked up in a table of one row: in row 0 where all
 * is as declared, in a row that is not there where it is not.
 */
export function checkDeclared(graph: ModelGraph): ModelGraph {
  if (graph.declared.size === 0) return graph;
  const values = new Map(graph.values);
  const constants = new Map(graph.constants);
  const emit = createGraphEmitter(`${TRAINING_PREFIX}declared:`);
  const [input] = graph.inputs;
  const batch = batchOf(graph);
  for (const node of graph.nodes) {
    const checked = node.outputs.filter((output) => graph.declared.has(output));
    const raw = new Map(checked.map((output) => [output, emit.fresh()]));
    const outputs = node.outputs.map((output) => raw.get(output) ?? output);
    emit.copy(raw.size === 0 ? node : { ...node, outputs });
    for (const [output, before] of raw) {
      const type = graph.values.get(output) ?? { type: "float32", shape: [] };
      values.set(before, type);
      writeCheck(output, before, type);
    }
  }
  for (const constant of emit.constants) constants.set(constant.name, constant);
  return { ...graph, nodes: emit.nodes, values, constants };

  function writeCheck(output: string, raw: string, { shape }: ValueType): void {
    const length = shape.length + 1;
    const typed = (name: string, type: ValueType["type"], dims: readonly number[]): string => {
      values.set(name, { type, shape: dims });
      return name;
    };
    const kept = (tensor: OnnxTensor): string => {
      emit.keep(tensor);
      return typed(tensor.name, tensor.type, tensor.dims);
    };
    const list = (numbers: readonly number[]): string =>
      kept(integerTensor(emit.fresh(), [numbers.length], numbers));
    const make = (
      operator: string,
      inputs: readonly string[],
      type: ValueType["type"],
      dims: readonly number[],
      attributes: Parameters<typeof emit.node>[2] = {},
    ): string => typed(emit.node(operator, inputs, attributes), type, dims);
    // Of what is no number, only the batch can be compared with something.
    const factors = shape.map((dim) =>
      typeof dim === "object" && isSameDim({ ...dim, factor: 1 }, batch) ? dim.factor : 0,
    );
    const isOpen = [
      false,
      ...shape.map((dim, axis) => typeof dim === "object" && factors[axis] === 0),
    ];
    const own = make("Shape", [raw], "int64", [shape.length]);
    const rank = make("Shape", [own], "int64", [1]);
    const found = make("Concat", [rank, own], "int64", [length], { axis: integer(0) });
    const size = make("Shape", [input.name], "int64", [1], { start: integer(0), end: integer(1) });
    const scaled = make("Mul", [size, list([0, ...factors])], "int64", [length]);
    const fixed = list([shape.length, ...shape.map((dim) => (typeof dim === "number" ? dim : 0))]);
    const expected = make("Add", [scaled, fixed], "int64", [length]);
    const same = make("Equal", [found, expected], "bool", [length]);
    const open = kept({
      name: emit.fresh(),
      type: "bool",
      dims: [length],
      bytes: Uint8Array.from(isOpen, Number),
    });
    const wrong = make("Not", [make("Or", [same, open], "bool", [length])], "bool", [length]);
    const counted = make("Cast", [wrong], "int64", [length], {
      to: integer(elementCode("int64")),
    });
    const row = make("ReduceMax", [counted, list([0])], "int64", [], { keepdims: integer(0) });
    const table = make("Unsqueeze", [own, list([0])], "int64", [1, shape.length]);
    const look: OnnxNode = {
      name: `the shape that the file declares of ${output}`,
      operator: "Gather",
      domain: "",
      inputs: [table, row],
      outputs: [emit.fresh()],
      attributes: new Map([["axis", integer(0)]]),
    };
    emit.copy(look);
    const target = typed(look.outputs[0] ?? "", "int64", [shape.length]);
    emit.node("Reshape", [raw, target], {}, output);
  }
}
