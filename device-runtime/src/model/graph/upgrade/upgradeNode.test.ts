// Every change of form, against ONNX Runtime: the older file and its newer graph compute the same numbers.
import { describe, expect, it } from "vitest";
import { createModelWriter, inputValues, type ModelWriter } from "../../../../test/modelWriter.ts";
import { readModelFile, writeModel } from "../../onnx/modelFile.ts";
import { writeValue } from "../../onnx/valueMessage.ts";
import { loadNodeOrt } from "../../session/nodeOrtRuntime.ts";
import { float, integer, integers } from "../graphEmitter.ts";
import { loadGraph } from "../loadGraph.ts";
import type { ModelGraph } from "../modelGraph.ts";
import { OPSET_WRITTEN, upgradedOperators } from "./upgradeNode.ts";

const runtime = await loadNodeOrt();
const text = (value: string) => ({ kind: "text", value }) as const;

async function outputOf(
  model: Uint8Array,
  name: string,
  dims: readonly number[],
): Promise<number[]> {
  const graph = await runtime.load(model);
  const x = { type: "float32", dims, data: inputValues(dims) } as const;
  const results = await graph.run({ x }, [name]);
  await graph.release();
  const { data } = results[name] ?? {};
  return data instanceof Float32Array ? [...data] : [];
}

/** A loaded graph as a file. */
function fileOf(graph: ModelGraph): Uint8Array {
  const used = new Set(graph.nodes.flatMap((node) => node.inputs));
  return writeModel(graph.opset, {
    name: "newer",
    nodes: graph.nodes,
    initializers: [...graph.constants.values()].filter(({ name }) => used.has(name)),
    inputs: [writeValue("x", "float32", ["n", ...graph.inputs[0].shape.slice(1).map(Number)])],
    outputs: graph.outputs.map((name) => writeValue(name, "float32", undefined)),
  });
}

type Write = (write: ModelWriter) => string;
const one =
  (operator: string, attributes: Parameters<ModelWriter["node"]>[2]): Write =>
  (write) =>
    write.node(operator, ["x"], attributes);

/** A rounding and its undoing, with the settings that operator set 21 added. */
const rounding: Write = (write) => {
  const scale = write.floats("scale", [], [0.1]);
  const zero = write.tensor({ name: "zero", type: "int8", dims: [], bytes: Uint8Array.of(3) });
  const settings = { block_size: integer(0), output_dtype: integer(0) };
  const rounded = write.node("QuantizeLinear", ["x", scale, zero], settings);
  return write.node("DequantizeLinear", [rounded, scale, zero], { block_size: integer(0) });
};

/** An operator set, the shape of a sample, and a model in that set. */
const cases: Readonly<Record<string, readonly (readonly [number, readonly number[], Write])[]>> = {
  BatchNormalization: [
    [
      8,
      [3, 4],
      (write) => {
        const tensors = ["scale", "shift", "mean"].map((name) => write.weight(name, [3]));
        const variance = write.floats("variance", [3], [0.5, 1, 2]);
        return write.node("BatchNormalization", ["x", ...tensors, variance], {
          spatial: integer(1),
        });
      },
    ],
  ],
  Clip: [
    [10, [4], one("Clip", { min: float(-0.3), max: float(0.4) })],
    [8, [4], one("Clip", { max: float(0.2) })],
  ],
  DequantizeLinear: [[21, [4], rounding]],
  Dropout: [[8, [4], one("Dropout", { ratio: float(0.5) })]],
  LogSoftmax: [[12, [2, 3, 2], one("LogSoftmax", { axis: integer(2) })]],
  Pad: [
    [10, [3, 4], one("Pad", { pads: integers([0, 1, 0, 0, 0, 2]), value: float(0.5) })],
    [9, [3, 4], one("Pad", { pads: integers([0, 0, 1, 0, 0, 1]), mode: text("reflect") })],
  ],
  QuantizeLinear: [[21, [4], rounding]],
  ...Object.fromEntries(
    ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"].map(
      (kind) => [
        `Reduce${kind}`,
        [
          [
            kind === "Sum" ? 12 : 17,
            [3, 4],
            (write: ModelWriter) =>
              write.node(`Reduce${kind}`, [kind === "LogSum" ? write.node("Exp", ["x"]) : "x"], {
                axes: integers([-1]),
                keepdims: integer(0),
              }),
          ] as const,
        ],
      ],
    ),
  ),
  Resize: [
    [
      10,
      [2, 3],
      (write) =>
        write.node("Resize", ["x", write.floats("s", [3], [1, 2, 1.5])], { mode: text("nearest") }),
    ],
  ],
  Scatter: [
    [
      10,
      [3],
      (write) =>
        write.node(
          "Scatter",
          ["x", write.integers("i", [1, 1], [1]), write.floats("u", [1, 1], [9])],
          {
            axis: integer(1),
          },
        ),
    ],
  ],
  Slice: [
    [
      9,
      [5, 4],
      one("Slice", { starts: integers([1, -3]), ends: integers([4, 99]), axes: integers([1, 2]) }),
    ],
    [8, [5], one("Slice", { starts: integers([0, 1]), ends: integers([2 ** 31 - 1, 3]) })],
  ],
  Softmax: [
    [11, [2, 3], one("Softmax", {})],
    [8, [4], one("Softmax", { axis: integer(1) })],
    [12, [2, 3, 2], one("Softmax", { axis: integer(-2) })],
  ],
  Split: [
    [
      11,
      [6],
      (write) => {
        write.nodeOf("Split", ["x"], ["a", "b"], { axis: integer(1), split: integers([2, 4]) });
        return write.node("Concat", ["b", "a"], { axis: integer(1) });
      },
    ],
    [
      13,
      [6],
      (write) => {
        write.nodeOf("Split", ["x"], ["a", "b"], { axis: integer(1) });
        return write.node("Sub", ["a", "b"]);
      },
    ],
  ],
  Squeeze: [[12, [1, 4], one("Squeeze", { axes: integers([1]) })]],
  TopK: [
    [
      9,
      [5],
      (write) => {
        write.nodeOf("TopK", ["x"], ["top", "at"], { k: integer(2) });
        return write.node("Identity", ["top"]);
      },
    ],
  ],
  Unsqueeze: [[11, [3], one("Unsqueeze", { axes: integers([1]) })]],
  Upsample: [
    [
      8,
      [1, 2, 2],
      one("Upsample", { scales: { kind: "floats", value: [1, 1, 2, 3] }, mode: text("nearest") }),
    ],
    [
      9,
      [1, 2, 3],
      (write) =>
        write.node("Upsample", ["x", write.floats("s", [4], [1, 1, 2, 2])], {
          mode: text("linear"),
        }),
    ],
  ],
};

describe("newer forms", () => {
  it("[TC40] every change of form has a case here", () => {
    // groupNormalization.test.ts has its cases.
    expect([...Object.keys(cases), "GroupNormalization"].sort()).toEqual(upgradedOperators);
  });

  for (const [operator, all] of Object.entries(cases)) {
    for (const [opset, sample, write] of all) {
      it(`[TC40] ${operator} of operator set ${opset}`, async () => {
        const writer = createModelWriter(opset, ["n", ...sample]);
        const output = write(writer);
        const older = writer.finish(output);
        const graph = loadGraph(readModelFile(older));
        expect(graph.opset).toBe(OPSET_WRITTEN);
        const dims = [2, ...sample];
        const expected = await outputOf(older, output, dims);
        const found = await outputOf(fileOf(graph), output, dims);
        expect(found).toHaveLength(expected.length);
        found.forEach((value, at) => {
          expect(value).toBeCloseTo(expected[at] ?? Number.NaN, 6);
        });
      });
    }
  }

  it("[TC40] what only training or another layout gives is refused by name", () => {
    const norm = (opset: number, outputs: string[], spatial: number) => {
      const write = createModelWriter(opset, ["n", 2, 3]);
      const tensors = ["a", "b", "c", "d"].map((name) => write.weight(name, [2]));
      write.nodeOf("BatchNormalization", ["x", ...tensors], outputs, { spatial: integer(spatial) });
      return () => loadGraph(readModelFile(write.finish(outputs[0] ?? "")));
    };
    expect(norm(8, ["y", "mean"], 1)).toThrow("training mode");
    expect(norm(8, ["y"], 0)).toThrow("spatial=0");
  });
});
