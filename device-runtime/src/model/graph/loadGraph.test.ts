// Shapes and shape arithmetic of exported graphs, with an unknown batch.
import { describe, expect, it } from "vitest";
import { type GraphParts, readModelFile, writeModel } from "../onnx/modelFile.ts";
import type { OnnxAttribute, OnnxNode } from "../onnx/nodeMessage.ts";
import {
  floatTensor,
  integerTensor,
  type OnnxTensor,
  tensorIntegers,
} from "../onnx/tensorMessage.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import { divideDim, isSameDim, multiplyDims, shapeText, symbolDim } from "./dim.ts";
import { loadGraph } from "./loadGraph.ts";
import type { ModelGraph } from "./modelGraph.ts";

const node = (
  operator: string,
  inputs: string[],
  output: string,
  attributes: Record<string, OnnxAttribute> = {},
): OnnxNode => ({
  name: "",
  operator,
  domain: "",
  inputs,
  outputs: [output],
  attributes: new Map(Object.entries(attributes)),
});
const integers = (value: number[]): OnnxAttribute => ({ kind: "integers", value });
const integer = (value: number): OnnxAttribute => ({ kind: "integer", value });
const constant = (name: string, dims: number[], values: number[]): OnnxNode =>
  node("Constant", [], name, { value: { kind: "tensor", value: integerTensor("", dims, values) } });

function load(
  input: (number | string)[],
  nodes: OnnxNode[],
  initializers: OnnxTensor[] = [],
  output = nodes.at(-1)?.outputs[0] ?? "",
  opset = 17,
): ModelGraph {
  const parts: GraphParts = {
    name: "g",
    nodes,
    initializers,
    inputs: [writeValue("x", "float32", input)],
    outputs: [writeValue(output, "float32", undefined)],
  };
  return loadGraph(readModelFile(writeModel(opset, parts)));
}
const shapeOf = (graph: ModelGraph, name: string): string =>
  shapeText(graph.values.get(name)?.shape ?? []);

describe("sizes with unknown factors", () => {
  const batch = symbolDim("batch");

  it("[TC3] multiply, divide and compare", () => {
    expect(multiplyDims([batch, 3, 4])).toEqual({ factor: 12, symbols: ["batch"] });
    expect(divideDim({ factor: 12, symbols: ["batch"] }, 4)).toEqual({
      factor: 3,
      symbols: ["batch"],
    });
    expect(divideDim({ factor: 12, symbols: ["batch"] }, batch)).toBe(12);
    expect(divideDim(7, 2)).toBeUndefined();
    expect(divideDim(4, batch)).toBeUndefined();
    expect(divideDim(4, 0)).toBeUndefined();
    expect(
      isSameDim(
        multiplyDims([symbolDim("b"), symbolDim("a")]),
        multiplyDims([symbolDim("a"), symbolDim("b")]),
      ),
    ).toBe(true);
    expect(isSameDim(batch, symbolDim("time"))).toBe(false);
  });
});

describe("shapes", () => {
  it("[TC3] of convolutions and pools follow ONNX, padding by name included", () => {
    const weight = [floatTensor("w", [4, 3, 5], new Float32Array(60))];
    const conv = (attributes: Record<string, OnnxAttribute>, size = 32) =>
      shapeOf(load(["batch", 3, size], [node("Conv", ["x", "w"], "y", attributes)], weight), "y");
    expect(conv({})).toBe("[batch, 4, 28]");
    expect(conv({ pads: integers([2, 2]), strides: integers([2]) })).toBe("[batch, 4, 16]");
    expect(conv({ dilations: integers([3]) })).toBe("[batch, 4, 20]");
    expect(conv({ auto_pad: { kind: "text", value: "SAME_UPPER" }, strides: integers([3]) })).toBe(
      "[batch, 4, 11]",
    );
    expect(conv({ auto_pad: { kind: "text", value: "VALID" } })).toBe("[batch, 4, 28]");
    const pool = (attributes: Record<string, OnnxAttribute>, size: number) =>
      shapeOf(load(["batch", 3, size], [node("MaxPool", ["x"], "y", attributes)]), "y");
    expect(pool({ kernel_shape: integers([3]), strides: integers([2]) }, 8)).toBe("[batch, 3, 3]");
    expect(
      pool({ kernel_shape: integers([3]), strides: integers([2]), ceil_mode: integer(1) }, 8),
    ).toBe("[batch, 3, 4]");
    // The last window would start behind the input and its padding: PyTorch and ONNX leave it out.
    expect(
      pool({ kernel_shape: integers([1]), strides: integers([3]), ceil_mode: integer(1) }, 5),
    ).toBe("[batch, 3, 2]");
  });

  it("[TC3] of reductions take axes as attribute or input, by operator set", () => {
    const mean = (axes: OnnxAttribute) => [
      node("ReduceMean", ["x"], "y", { axes, keepdims: integer(0) }),
    ];
    expect(shapeOf(load(["batch", 3, 8], mean(integers([-1]))), "y")).toBe("[batch, 3]");
    const byInput = [node("ReduceMean", ["x", "a"], "y", { keepdims: integer(1) })];
    expect(
      shapeOf(load(["batch", 3, 8], byInput, [integerTensor("a", [1], [2])], "y", 18), "y"),
    ).toBe("[batch, 3, 1]");
    expect(shapeOf(load(["batch", 3], [node("ReduceSum", ["x"], "y")]), "y")).toBe("[1, 1]");
  });

  it("[TC3] an unknown size beside a known one takes the known one", () => {
    const graph = load(
      ["batch", 3],
      [node("Add", ["x", "c"], "y")],
      [floatTensor("c", [8, 3], new Float32Array(24))],
    );
    expect(shapeOf(graph, "y")).toBe("[8, 3]");
  });
});

describe("shape arithmetic", () => {
  /** `x.view(x.size(0), -1)` as PyTorch writes it. */
  const view = [
    node("Shape", ["x"], "s"),
    constant("zero", [], [0]),
    node("Gather", ["s", "zero"], "n", { axis: integer(0) }),
    constant("axes", [1], [0]),
    node("Unsqueeze", ["n", "axes"], "n1"),
    constant("rest", [1], [-1]),
    node("Concat", ["n1", "rest"], "target", { axis: integer(0) }),
    node("Reshape", ["x", "target"], "y"),
  ];

  it("[TC3] a reshape that carries the batch becomes a constant one", () => {
    const graph = load(["batch", 4, 6], view);
    expect(shapeOf(graph, "y")).toBe("[batch, 24]");
    expect(graph.nodes.map(({ operator }) => operator)).toEqual(["Reshape"]);
    const target = graph.constants.get(graph.nodes[0]?.inputs[1] ?? "");
    expect(target === undefined ? [] : tensorIntegers(target)).toEqual([-1, 24]);
  });

  it("[TC3] sizes are computed with: heads of an attention", () => {
    const graph = load(
      ["batch", 10, 32],
      [
        node("Shape", ["x"], "s"),
        constant("zero", [], [0]),
        constant("two", [], [2]),
        node("Gather", ["s", "zero"], "n"),
        node("Gather", ["s", "two"], "d"),
        constant("four", [], [4]),
        node("Div", ["d", "four"], "e"),
        node("Cast", ["e"], "e2", { to: integer(7) }),
        constant("axes", [1], [0]),
        node("Unsqueeze", ["n", "axes"], "n1"),
        constant("ten", [1], [10]),
        constant("heads", [1], [4]),
        node("Unsqueeze", ["e2", "axes"], "e1"),
        node("Concat", ["n1", "ten", "heads", "e1"], "target", { axis: integer(0) }),
        node("Reshape", ["x", "target"], "y"),
      ],
    );
    expect(shapeOf(graph, "y")).toBe("[batch, 10, 4, 8]");
    expect(graph.nodes).toHaveLength(1);
  });

  it("[TC3] slices, products and copies of a shape are followed", () => {
    const graph = load(
      ["batch", 4, 6],
      [
        node("Shape", ["x"], "s"),
        constant("from", [1], [1]),
        constant("to", [1], [9]),
        node("Slice", ["s", "from", "to"], "tail"),
        constant("zero", [1], [0]),
        constant("one", [1], [1]),
        node("Gather", ["tail", "zero"], "a"),
        node("Gather", ["tail", "one"], "b"),
        node("Mul", ["a", "b"], "ab"),
        constant("keep", [1], [0]),
        node("Concat", ["keep", "ab"], "target", { axis: integer(0) }),
        node("Reshape", ["x", "target"], "y"),
      ],
    );
    expect(shapeOf(graph, "y")).toBe("[batch, 24]");
  });

  it("[TC3] the batch may be folded into another axis", () => {
    const graph = load(
      ["batch", 4, 6],
      [constant("t", [2], [-1, 6]), node("Reshape", ["x", "t"], "y")],
    );
    expect(shapeOf(graph, "y")).toBe("[4*batch, 6]");
  });

  it("[TC3] the heads of a projection are split off a shape, and an expansion to the batch keeps it", () => {
    const graph = load(
      ["batch", 4, 6],
      [
        node("Shape", ["x"], "s"),
        constant("parts", [2], [1, 2]),
        { ...node("Split", ["s", "parts"], "n"), outputs: ["n", "rest"] },
        constant("one", [1], [1]),
        constant("minus", [1], [-1]),
        node("Equal", ["n", "minus"], "isOpen"),
        node("Where", ["isOpen", "one", "n"], "rows"),
        node("Concat", ["rows", "rest"], "target", { axis: integer(0) }),
        node("ConstantOfShape", ["one"], "zeros", {
          value: { kind: "tensor", value: floatTensor("", [1], [0]) },
        }),
        node("Expand", ["zeros", "target"], "wide"),
        node("Add", ["x", "wide"], "y"),
      ],
    );
    expect(shapeOf(graph, "wide")).toBe("[batch, 4, 6]");
    expect(shapeOf(graph, "y")).toBe("[batch, 4, 6]");
  });

  it("[TC3] sizes that go through floating-point numbers come out as they went in", () => {
    // Half of six by way of Cast, Div, Floor and Cast; the root of 16 as the end of a range.
    const graph = load(
      ["batch", 6, 16],
      [
        node("Shape", ["x"], "s"),
        constant("at", [], [1]),
        node("Gather", ["s", "at"], "six"),
        node("Cast", ["six"], "sixFloat", { to: integer(1) }),
        node("Div", ["sixFloat", "two"], "half"),
        node("Floor", ["half"], "floored"),
        node("Cast", ["floored"], "three", { to: integer(7) }),
        node("Sqrt", ["sixteen"], "root"),
        node("Cast", ["root"], "four", { to: integer(7) }),
        constant("zero", [], [0]),
        constant("step", [], [1]),
        node("Range", ["zero", "four", "step"], "range"),
        node("Gather", ["x", "range"], "some", { axis: integer(2) }),
        constant("front", [1], [0]),
        node("Unsqueeze", ["three", "front"], "threes"),
        constant("ones", [1], [1]),
        node("Slice", ["some", "front", "threes", "ones"], "y"),
      ],
      [floatTensor("two", [], [2]), floatTensor("sixteen", [], [16])],
    );
    expect(shapeOf(graph, "y")).toBe("[batch, 3, 4]");
  });

  it("[TC3] a slice to the largest integer takes all of an unknown axis", () => {
    const graph = load(
      ["batch", 4],
      [
        constant("from", [2], [0, 1]),
        constant("to", [2], [2 ** 31 - 1, 3]),
        node("Slice", ["x", "from", "to"], "y"),
      ],
    );
    expect(shapeOf(graph, "y")).toBe("[batch, 2]");
  });
});

describe("inputs", () => {
  const file = (inputs: Uint8Array[], nodes: OnnxNode[], initializers: OnnxTensor[] = []) =>
    readModelFile(
      writeModel(17, {
        name: "g",
        nodes,
        initializers,
        inputs,
        outputs: [writeValue("y", "float32", undefined)],
      }),
    );
  const x = writeValue("x", "float32", ["batch", "time", 4]);

  it("[TC3] open dimensions are fixed by name, and by place where they have none", () => {
    const relu = [node("Relu", ["x"], "y")];
    expect(shapeText(loadGraph(file([x], relu), ["y"], { time: 7 }).inputs[0].shape)).toBe(
      "[batch, 7, 4]",
    );
    const unnamed = file([writeValue("x", "float32", ["", "", 4])], relu);
    expect(shapeText(loadGraph(unnamed, ["y"], { "x.1": 7, "x.0": 2 }).inputs[0].shape)).toBe(
      "[2, 7, 4]",
    );
    expect(() => loadGraph(file([x], relu), ["y"], { tiem: 7 })).toThrow("batch, time");
    expect(() => loadGraph(file([x], relu), ["y"], { time: 0 })).toThrow("from 1");
  });

  it("[TC3] inputs with a value in the file keep it; further ones are data, too, with the same batch", () => {
    const add = [node("Add", ["x", "offset"], "y")];
    const offset = writeValue("offset", "float32", [4]);
    const given = [floatTensor("offset", [4], [1, 2, 3, 4])];
    expect(loadGraph(file([x, offset], add, given)).inputs[0].name).toBe("x");
    expect(() => loadGraph(file([x, offset], add))).toThrow("input offset is [4]");
    const mask = writeValue("offset", "float32", ["", "time", 4]);
    const { inputs } = loadGraph(file([x, mask], add));
    expect(inputs.map(({ shape }) => shapeText(shape))).toEqual(Array(2).fill("[batch, time, 4]"));
  });

  it("[TC3] an input that nothing wanted depends on is left out", () => {
    const other = writeValue("other", "int64", []);
    const { inputs } = loadGraph(file([other, x], [node("Relu", ["x"], "y")]));
    expect(inputs.map(({ name }) => name)).toEqual(["x"]);
  });
});
