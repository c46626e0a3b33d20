// Files of a few hundred bytes that ask for much: they compile to small graphs, or are turned away by node and limit. What is counted here are
// nodes and bytes of the graphs, which bound the work that made them.
import { describe, expect, it } from "vitest";
import { createModelWriter, type ModelWriter } from "../../../test/modelWriter.ts";
import { differentiate } from "../gradients/differentiate.ts";
import { createGraphEmitter, integer, integers } from "../graph/graphEmitter.ts";
import { loadGraph } from "../graph/loadGraph.ts";
import { EMITTED_CONSTANT_BYTES_MAX, PRICED_NODES_MAX, WRITTEN_NODES_MAX } from "../limits.ts";
import { readModelFile } from "../onnx/modelFile.ts";
import { orRefusal } from "../turnAway.ts";
import { compileTraining } from "./compileTraining.ts";

function compiled(
  input: readonly number[],
  write: (writer: ModelWriter) => string,
): { readonly nodeCount: number; readonly bytes: number; readonly refused: string } {
  const writer = createModelWriter(17, ["n", ...input]);
  const outcome = compileTraining(writer.finish(write(writer)), {
    scope: "all",
    loss: { kind: "meanSquaredError" },
    optimizer: { kind: "sgd" },
  });
  if (!outcome.ok) {
    const { code, message } = outcome.refusal;
    return { nodeCount: 0, bytes: 0, refused: `${code}: ${message}` };
  }
  const { step } = outcome.value;
  return { nodeCount: readModelFile(step).nodes.length, bytes: step.length, refused: "" };
}

/** A convolution of one tap, so that there is something to train in front. */
const point = (writer: ModelWriter, axes: number): string =>
  writer.node("Conv", ["x", writer.weight("k", [1, 1, ...Array.from({ length: axes }, () => 1)])]);

const SMALL = { nodes: 100, bytes: 8192 };

describe("small files that ask for much", () => {
  const cheap: Record<string, () => ReturnType<typeof compiled>> = {
    "a slice of half a billion elements": () =>
      compiled([5e8], (writer) => {
        const slice = writer.node("Slice", [
          "x",
          writer.integers("start", [1], [1]),
          writer.integers("end", [1], [499_999_999]),
          writer.integers("axis", [1], [1]),
        ]);
        const mean = writer.node("ReduceMean", [slice], { axes: integers([1]) });
        return writer.node("MatMul", [mean, writer.weight("w", [1, 2])]);
      }),
    "a trained slice of half a billion elements": () =>
      compiled([1, 5e8], (writer) => {
        const slice = writer.node("Slice", [
          point(writer, 1),
          writer.integers("start", [1], [-2]),
          writer.integers("end", [1], [-(2 ** 40)]),
          writer.integers("axis", [1], [2]),
          writer.integers("step", [1], [-1]),
        ]);
        return writer.node("ReduceMean", [slice], { axes: integers([2]), keepdims: integer(0) });
      }),
    "the mean of a billion elements": () =>
      compiled([1, 1e9], (writer) =>
        writer.node("ReduceMean", [point(writer, 1)], {
          axes: integers([2]),
          keepdims: integer(0),
        }),
      ),
    "a max pool of 16,000 taps": () =>
      compiled([1, 1e5], (writer) =>
        writer.node("MaxPool", [point(writer, 1)], { kernel_shape: integers([16_000]) }),
      ),
    "a max pool of 25 million taps side by side": () =>
      compiled([1, 1e4, 1e4], (writer) =>
        writer.node("MaxPool", [point(writer, 2)], {
          kernel_shape: integers([5000, 5000]),
          strides: integers([5000, 5000]),
        }),
      ),
    "an average pool of 25 million taps side by side": () =>
      compiled([1, 1e4, 1e4], (writer) =>
        writer.node("AveragePool", [point(writer, 2)], {
          kernel_shape: integers([5000, 5000]),
          strides: integers([5000, 5000]),
        }),
      ),
    "a convolution of 4,000 taps": () =>
      compiled([1, 1e5], (writer) => writer.node("Conv", ["x", writer.weight("w", [1, 1, 4000])])),
    "a convolution of 4,000 taps a channel": () =>
      compiled([2, 1e5], (writer) =>
        writer.node("Conv", ["x", writer.weight("w", [2, 1, 4000])], { group: integer(2) }),
      ),
    "a transposed convolution of 4,000 taps": () =>
      compiled([1, 1e5], (writer) =>
        writer.node("ConvTranspose", ["x", writer.weight("w", [1, 1, 4000])]),
      ),
  };

  for (const [name, compile] of Object.entries(cheap)) {
    it(`[TC62] ${name}: a small graph`, () => {
      const { nodeCount, bytes, refused } = compile();
      expect(refused).toBe("");
      expect(nodeCount).toBeLessThanOrEqual(SMALL.nodes);
      expect(bytes).toBeLessThanOrEqual(SMALL.bytes);
    });
  }

  it("[TC62] an average pool of 16,000 taps writes its taps, and none of its windows", () => {
    const { nodeCount, bytes } = compiled([1, 1e5], (writer) =>
      writer.node("AveragePool", [point(writer, 1)], { kernel_shape: integers([16_000]) }),
    );
    expect(nodeCount).toBeLessThanOrEqual(SMALL.nodes);
    expect(bytes).toBeLessThanOrEqual(4 * 16_000 + SMALL.bytes);
  });

  it("[TC62] constants that would be too large are turned away before they are made", () => {
    const limit = new RegExp(`limit ${EMITTED_CONSTANT_BYTES_MAX}; use a smaller scope`);
    const refusals = {
      GlobalMaxPool: compiled([1, 1e9], (writer) =>
        writer.node("GlobalMaxPool", [point(writer, 1)]),
      ),
      // Shares that differ at the ends, for more windows than a constant has.
      AveragePool: compiled([1, 5e8], (writer) =>
        writer.node("AveragePool", [point(writer, 1)], {
          kernel_shape: integers([3]),
          pads: integers([1, 1]),
        }),
      ),
      LpPool: compiled([1, 1e4, 1e4], (writer) =>
        writer.node("LpPool", [point(writer, 2)], { kernel_shape: integers([5000, 5000]) }),
      ),
    };
    for (const [operator, { refused }] of Object.entries(refusals)) {
      expect(refused).toMatch(new RegExp(`^model.too_large: ${operator} node "${operator}_1"`));
      expect(refused).toMatch(limit);
    }
  });

  it("[TC62] a size that doubles its unknown factors with every node is not followed", () => {
    const sized = (writer: ModelWriter, doublings: number): string => {
      let size = writer.node("Gather", [
        writer.node("Shape", ["x"]),
        writer.integers("first", [1], [0]),
      ]);
      for (let at = 0; at < doublings; at += 1) size = writer.node("Mul", [size, size]);
      return size;
    };
    const followed = compiled([4], (writer) => {
      const product = writer.node("MatMul", ["x", writer.weight("w", [4, 4])]);
      const shape = writer.node("Concat", [sized(writer, 30), writer.integers("rest", [1], [-1])], {
        axis: integer(0),
      });
      return writer.node("Reshape", [product, shape]);
    });
    expect(followed.refused).toMatch(/^model\.shape_unknown: Reshape node "Reshape_\d+"/);
    const flattened = compiled([4], (writer) => {
      const size = sized(writer, 3);
      const shape = writer.node("Concat", [size, size], { axis: integer(0) });
      const table = writer.node("Expand", [writer.weight("w", [1, 1]), shape]);
      return writer.node("Mul", ["x", writer.node("Flatten", [table], { axis: integer(0) })]);
    });
    expect(flattened.refused).toMatch(
      /^model\.too_large: Flatten node "Flatten_\d+" makes a size of over 8 unknown factors/,
    );
  });

  it("[TC62] many kernels whose forms are many nodes are turned away by the count", () => {
    const { refused } = compiled([2, 40], (writer) => {
      const constant = Array.from({ length: 4004 }, () => 0.01);
      let value = "x";
      for (let at = 0; at < 40; at += 1) {
        const weight = writer.floats(`w${at}`, [2, 2, 1001], constant);
        value = writer.node("Conv", [value, weight], { pads: integers([500, 500]) });
      }
      return value;
    });
    expect(refused).toMatch(
      new RegExp(`^model.too_large: Conv node "Conv_\\d+".*over ${PRICED_NODES_MAX} nodes`),
    );
    expect(refused).toMatch(/smaller scope/);
  });

  it("[TC62] a training graph of too many nodes is turned away by the node that it has reached", () => {
    const writer = createModelWriter(17, ["n", 4]);
    const output = writer.node("Relu", [writer.node("MatMul", ["x", writer.weight("w", [4, 4])])]);
    const graph = loadGraph(readModelFile(writer.finish(output)));
    const emit = createGraphEmitter("train:");
    for (let at = 0; at < WRITTEN_NODES_MAX; at += 1) emit.node("Identity", ["x"]);
    const outcome = orRefusal(() =>
      differentiate({ graph, emit, seeds: new Map([[output, "x"]]), wanted: new Set(["w"]) }),
    );
    expect(outcome.ok ? "" : outcome.refusal.message).toMatch(
      new RegExp(`Relu node "Relu_1".*over ${WRITTEN_NODES_MAX} nodes; use a smaller scope`),
    );
  });
});
