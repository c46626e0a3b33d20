// Finding, choosing, replacing and shipping parameters.
import { parameterSetOf, unwrap } from "@attune/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createModelWriter } from "../../../test/modelWriter.ts";
import { readParityCase } from "../../../test/torchParityCase.ts";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { buildCnn1d } from "../build/buildCnn1d.ts";
import { compileTraining } from "../compile/compileTraining.ts";
import { type GraphParts, writeModel } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { floatTensor, integerTensor } from "../onnx/tensorMessage.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import { bytesField, floatField, integerField, joinBytes, textField } from "../onnx/wireFormat.ts";
import { listParameters } from "./listParameters.ts";
import { patchParameters, readParameters } from "./parameterBytes.ts";
import { scopeParameters } from "./parameterScope.ts";
import { joinModel, splitModel } from "./splitModel.ts";

const node = (operator: string, inputs: string[], output: string): OnnxNode => ({
  name: "",
  operator,
  domain: "",
  inputs,
  outputs: [output],
  attributes: new Map(),
});
const tensor = (name: string, ...dims: number[]) =>
  floatTensor(name, dims, new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(0.5));
const model = (nodes: OnnxNode[], initializers: GraphParts["initializers"]): Uint8Array =>
  writeModel(17, {
    name: "g",
    nodes,
    initializers,
    inputs: [writeValue("x", "float32", ["n", 4])],
    outputs: [writeValue("y", "float32", undefined)],
  });

/** Every kind of constant: normalised input, dense layers as exporters write them, norm, a scale that is no parameter. */
const mixed = model(
  [
    node("Sub", ["x", "mean"], "x0"),
    node("Transpose", ["e.weight"], "eT"),
    node("MatMul", ["x0", "eT"], "x1"),
    node("Add", ["e.bias", "x1"], "x2"),
    node("BatchNormalization", ["x2", "n.weight", "n.bias", "n.mean", "n.variance"], "x3"),
    node("Div", ["x3", "root"], "x4"),
    node("Gemm", ["x4", "h.weight", "h.bias"], "y"),
  ],
  [
    tensor("mean", 4),
    tensor("e.weight", 4, 4),
    tensor("e.bias", 4),
    ...["n.weight", "n.bias", "n.mean", "n.variance"].map((name) => tensor(name, 4)),
    tensor("root"),
    tensor("h.weight", 4, 2),
    tensor("h.bias", 2),
  ],
);

describe("list", () => {
  it("[TC4] names roles and layers; constants that no layer owns are no parameters", () => {
    const infos = unwrap(listParameters(mixed));
    expect(infos.map(({ name, role, layer }) => [name, role, layer])).toEqual([
      ["e.bias", "bias", 0],
      ["e.weight", "weight", 0],
      ["h.bias", "bias", 1],
      ["h.weight", "weight", 1],
      ["n.bias", "shift", 0],
      ["n.mean", "statistic", 0],
      ["n.variance", "statistic", 0],
      ["n.weight", "scale", 0],
    ]);
    expect(infos.filter(({ isTrainable }) => !isTrainable).map(({ role }) => role)).toEqual([
      "statistic",
      "statistic",
    ]);
  });

  it("[TC4] tables are weights wherever many places are looked up in them; what is added to their vectors is a bias", () => {
    const file = model(
      [
        node("Cast", ["x"], "words"),
        node("Gather", ["word.table", "words"], "a"),
        node("Add", ["a", "word.offset"], "b"),
        node("Gather", ["place.table", "places"], "c"),
        node("Add", ["b", "c"], "d"),
        node("Gather", ["state", "last"], "e"),
        node("Add", ["d", "e"], "f"),
        node("Gemm", ["f", "h.weight"], "y"),
      ],
      [
        tensor("word.table", 9, 4),
        tensor("word.offset", 1, 4),
        tensor("place.table", 8, 4),
        integerTensor("places", [4], [0, 1, 2, 3]),
        tensor("state", 8, 4),
        integerTensor("last", [], [7]),
        tensor("h.weight", 4, 2),
      ],
    );
    expect(
      unwrap(listParameters(file)).map(({ name, role, layer }) => `${name} ${role} ${layer}`),
    ).toEqual([
      "h.weight weight 2",
      "place.table weight 1",
      "word.offset bias 0",
      "word.table weight 0",
    ]);
  });

  it("[TC4] the order is that of UTF-8 bytes", () => {
    // UTF-16 puts the emoji (a surrogate pair) before U+FF5E, UTF-8 after it.
    const names = ["~b", "\u{ff5e}", "\u{1f600}", "Z", "a", "é"];
    const nodes = names.map((name, index) => node("Gemm", [`v${index}`, name], `v${index + 1}`));
    const first = nodes[0] as OnnxNode;
    const chain = [{ ...first, inputs: ["x", names[0] ?? ""] }, ...nodes.slice(1)];
    const built = model(
      [...chain, node("Relu", [`v${names.length}`], "y")],
      names.map((name) => tensor(name, 4, 4)),
    );
    expect(unwrap(listParameters(built)).map(({ name }) => name)).toEqual([
      "Z",
      "a",
      "~b",
      "é",
      "\u{ff5e}",
      "\u{1f600}",
    ]);
    expect(unwrap(readParameters(built)).map(({ name }) => name)).toEqual(
      unwrap(listParameters(built)).map(({ name }) => name),
    );
  });

  it("[TC4] scopes choose by layer, role and name, never statistics", () => {
    const infos = unwrap(listParameters(mixed));
    const names = (scope: Parameters<typeof scopeParameters>[1]) =>
      scopeParameters(infos, scope).map(({ name }) => name);
    expect(names("head")).toEqual(["h.bias", "h.weight"]);
    expect(names({ lastLayers: 1 })).toEqual(names("head"));
    expect(names({ lastLayers: 2 })).toEqual(names("all"));
    expect(names("bias")).toEqual(["e.bias", "h.bias", "n.bias"]);
    expect(names("all")).toEqual([
      "e.bias",
      "e.weight",
      "h.bias",
      "h.weight",
      "n.bias",
      "n.weight",
    ]);
    expect(names({ names: ["n.weight", "e.bias"] })).toEqual(["e.bias", "n.weight"]);
  });

  it("[TC2] scopes that name nothing say what they could name", () => {
    const bare = model([node("MatMul", ["x", "w"], "y")], [tensor("w", 4, 2)]);
    const weights = unwrap(listParameters(bare));
    expect(() => scopeParameters(weights, "norm")).toThrow(
      'scope "norm" names no parameter of this model; take "all", or name some of w',
    );
    for (const scope of ["all", "bias", "norm"] as const) {
      expect(() => scopeParameters([], scope)).toThrow("exposeParameters makes parameters");
    }
  });
});

describe("replace", () => {
  const { model: cnn } = readParityCase("cnn1d");

  it("[TC14] patching with what was read changes no byte", () => {
    expect(unwrap(patchParameters(cnn, unwrap(readParameters(cnn))))).toEqual(cnn);
  });

  it("[TC14] patching some parameters changes only their bytes, and not the file given", () => {
    const before = cnn.slice();
    const parameters = unwrap(readParameters(cnn));
    const bias = parameters.find(({ name }) => name === "h.bias");
    if (bias === undefined) throw new Error("no bias");
    const patched = unwrap(
      patchParameters(cnn, [{ ...bias, data: bias.data.map((value) => value + 1) }]),
    );
    expect(cnn).toEqual(before);
    expect(
      patched.reduce((count, byte, at) => count + (byte === cnn[at] ? 0 : 1), 0),
    ).toBeLessThanOrEqual(24);
    unwrap(readParameters(patched)).forEach(({ name, data }, index) => {
      const own = parameters[index]?.data ?? new Float32Array();
      expect(data).toEqual(name === "h.bias" ? own.map((value) => value + 1) : own);
    });
  });

  it("[TC14] unknown names and other shapes are refused", () => {
    const code = (name: string, dims: number[]) => {
      const outcome = patchParameters(cnn, [
        { name, dims, data: new Float32Array(dims.reduce((a, b) => a * b, 1)) },
      ]);
      return outcome.ok ? "" : outcome.refusal.code;
    };
    expect(code("nose", [6])).toBe("model.parameter_unknown");
    expect(code("h.bias", [5])).toBe("model.parameter_mismatch");
    expect(code("h.weight", [24, 6])).toBe("model.parameter_mismatch");
  });

  it("[TC14] too many or too few values, and such as no version may hold, are refused", () => {
    const refusal = (data: Float32Array) => {
      const outcome = patchParameters(cnn, [{ name: "h.bias", dims: [6], data }]);
      return outcome.ok ? "" : `${outcome.refusal.code}: ${outcome.refusal.message}`;
    };
    expect(refusal(new Float32Array(40))).toBe(
      "model.parameter_mismatch: parameter h.bias is [6], 6 values, and 40 are given",
    );
    expect(refusal(new Float32Array(3))).toContain("3 are given");
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(refusal(new Float32Array(6).fill(value))).toContain("h.bias hold NaN or infinity");
    }
    expect(refusal(new Float32Array(6))).toBe("");
  });

  it("[TC14] a tensor whose values are not in one piece is refused", () => {
    const parts = joinBytes([
      integerField(1, 2),
      integerField(2, 1),
      floatField(4, 1),
      floatField(4, 2),
      textField(8, "w"),
    ]);
    const scattered = joinBytes([
      integerField(1, 8),
      bytesField(
        7,
        joinBytes([
          bytesField(
            1,
            joinBytes([
              textField(1, "x"),
              textField(1, "w"),
              textField(2, "y"),
              textField(4, "MatMul"),
            ]),
          ),
          bytesField(5, parts),
        ]),
      ),
      bytesField(8, integerField(2, 17)),
    ]);
    const outcome = readParameters(scattered);
    expect(outcome.ok ? "" : outcome.refusal.code).toBe("model.malformed");
  });
});

it("[TC14] what can not be patched is not trained: numbers that an attribute holds", () => {
  const write = createModelWriter(17, ["n", 4]);
  write.nodeOf("Constant", [], ["b"], { value_floats: { kind: "floats", value: [1, 2] } });
  const file = write.finish(write.node("Gemm", ["x", write.weight("w", [4, 2]), "b"]));
  const plan = {
    scope: "all",
    loss: { kind: "meanSquaredError" },
    optimizer: { kind: "sgd" },
  } as const;
  for (const outcome of [readParameters(file), compileTraining(file, plan)]) {
    expect(outcome.ok ? "" : outcome.refusal.message).toBe(
      "tensor b does not keep its values in one piece; store it as raw data",
    );
  }
});

describe("ship", () => {
  it("[TC14] split and joined is the same file byte for byte, for files of PyTorch and of our own", () => {
    const own = buildCnn1d(
      {
        channels: 3,
        length: 32,
        convolutions: [{ filters: 4, kernel: 5, pool: 2 }],
        reduce: "flatten",
        dense: [7],
        classCount: 4,
      },
      createSeededRandom(1),
    );
    for (const file of [readParityCase("mlp").model, readParityCase("cnn1d").model, own, mixed]) {
      const { graph, parameters } = unwrap(splitModel(file));
      expect(unwrap(joinModel(graph, parameters))).toEqual(file);
      const values = parameters.reduce((sum, { data }) => sum + data.length, 0);
      expect(graph.length).toBeLessThan(file.length - 4 * values + 8 + parameters.length * 64);
    }
  });

  it("[TC14] versions of one model have the same graph, and a graph takes other parameters", () => {
    const { model: mlp } = readParityCase("mlp");
    const first = unwrap(splitModel(mlp));
    fc.assert(
      fc.property(fc.float({ min: -8, max: 8, noNaN: true }), (shift) => {
        const other = parameterSetOf(
          first.parameters.map((one) => ({ ...one, data: one.data.map((value) => value + shift) })),
        );
        const file = unwrap(joinModel(first.graph, other));
        expect(file).toEqual(unwrap(patchParameters(mlp, other)));
        const second = unwrap(splitModel(file));
        expect(second.graph).toEqual(first.graph);
        expect(second.parameters).toEqual(other);
      }),
      { numRuns: 30 },
    );
  });

  it("[TC14] -0 becomes 0, as in every parameter set", () => {
    const file = model(
      [node("MatMul", ["x", "w"], "y")],
      [floatTensor("w", [4, 1], [-0, 1, -0, 2])],
    );
    const { graph, parameters } = unwrap(splitModel(file));
    expect(Object.is(parameters[0]?.data[0], 0)).toBe(true);
    const joined = unwrap(joinModel(graph, parameters));
    expect(unwrap(joinModel(unwrap(splitModel(joined)).graph, parameters))).toEqual(joined);
  });
});

describe("normalisations as exporters write them", () => {
  const values = (name: string, value: number, ...dims: number[]) =>
    floatTensor(name, dims, new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(value));

  it("[TC4] group normalisation: scale and shift stand behind an instance normalisation of groups", () => {
    const group = model(
      [
        node("Conv", ["x", "c.weight"], "h0"),
        node("Add", ["h0", "c.bias"], "h1"),
        node("Reshape", ["h1", "groups"], "h2"),
        node("InstanceNormalization", ["h2", "ones", "zeros"], "h3"),
        node("Reshape", ["h3", "back"], "h4"),
        node("Mul", ["h4", "g.weight"], "h5"),
        node("Add", ["h5", "g.bias"], "h6"),
        node("Mul", ["h6", "half"], "h7"),
        node("PRelu", ["h7", "slope"], "y"),
      ],
      [
        tensor("c.weight", 4, 4, 3),
        tensor("c.bias", 4, 1),
        values("ones", 1, 2),
        values("zeros", 0, 2),
        tensor("g.weight", 4, 1),
        tensor("g.bias", 4, 1),
        tensor("half"),
        tensor("slope", 4, 1),
        tensor("groups", 3),
        tensor("back", 3),
      ],
    );
    const infos = unwrap(listParameters(group));
    expect(infos.map(({ name, role, layer }) => [name, role, layer])).toEqual([
      ["c.bias", "bias", 0],
      ["c.weight", "weight", 0],
      ["g.bias", "shift", 0],
      ["g.weight", "scale", 0],
      ["slope", "slope", 0],
    ]);
    expect(scopeParameters(infos, "norm").map(({ name }) => name)).toEqual(["g.bias", "g.weight"]);
    expect(scopeParameters(infos, "bias").map(({ name }) => name)).toEqual(["c.bias", "g.bias"]);
  });

  it("[TC4] layer normalisation in primitives: scale and shift stand behind a division by a root", () => {
    const layer = model(
      [
        node("MatMul", ["x", "a.weight"], "h1"),
        node("ReduceMean", ["h1"], "m"),
        node("Sub", ["h1", "m"], "d"),
        node("Pow", ["d", "two"], "d2"),
        node("ReduceMean", ["d2"], "v"),
        node("Add", ["v", "epsilon"], "ve"),
        node("Sqrt", ["ve"], "s"),
        node("Div", ["d", "s"], "n"),
        node("Mul", ["n", "l.weight"], "h2"),
        node("Add", ["h2", "l.bias"], "h3"),
        node("LayerNormalization", ["h3", "k.weight", "k.bias"], "h4"),
        node("InstanceNormalization", ["h4", "i.weight", "i.bias"], "y"),
      ],
      [
        tensor("a.weight", 4, 4),
        tensor("two"),
        tensor("epsilon"),
        ...["l.weight", "l.bias", "k.weight", "k.bias", "i.weight", "i.bias"].map((name) =>
          tensor(name, 4),
        ),
      ],
    );
    expect(scopeParameters(unwrap(listParameters(layer)), "norm").map(({ name }) => name)).toEqual([
      "i.bias",
      "i.weight",
      "k.bias",
      "k.weight",
      "l.bias",
      "l.weight",
    ]);
    expect(unwrap(listParameters(layer))).toHaveLength(7);
  });

  it("[TC4] a bias stands behind a product that was reshaped or transposed; a table of places does not", () => {
    const keras = model(
      [
        node("Reshape", ["x", "rows"], "r"),
        node("MatMul", ["r", "d.weight"], "p"),
        node("Reshape", ["p", "back"], "h1"),
        node("Add", ["h1", "d.bias"], "h2"),
        node("Conv", ["h2", "c.weight"], "h3"),
        node("Transpose", ["h3"], "h4"),
        node("Add", ["c.bias", "h4"], "h5"),
        node("MatMul", ["h5", "e.weight"], "h6"),
        node("Transpose", ["h6"], "h7"),
        node("Add", ["h7", "places"], "y"),
      ],
      [
        tensor("rows", 2),
        tensor("back", 3),
        tensor("d.weight", 4, 4),
        tensor("d.bias", 4),
        tensor("c.weight", 4, 4, 1),
        tensor("c.bias", 1, 1, 4),
        tensor("e.weight", 4, 4),
        tensor("places", 1, 5, 4),
      ],
    );
    const infos = unwrap(listParameters(keras));
    expect(infos.map(({ name, role, layer }) => [name, role, layer])).toEqual([
      ["c.bias", "bias", 1],
      ["c.weight", "weight", 1],
      ["d.bias", "bias", 0],
      ["d.weight", "weight", 0],
      ["e.weight", "weight", 2],
    ]);
    expect(scopeParameters(infos, "bias").map(({ name }) => name)).toEqual(["c.bias", "d.bias"]);
  });

  it("[TC4] layer normalisation by the reciprocal of a root: the scale multiplies it, the shift stands before the mean", () => {
    const layer = model(
      [
        node("MatMul", ["x", "a.weight"], "h"),
        node("ReduceMean", ["h"], "m"),
        node("Sub", ["h", "m"], "d"),
        node("Mul", ["d", "d"], "d2"),
        node("ReduceMean", ["d2"], "v"),
        node("Add", ["v", "epsilon"], "ve"),
        node("Sqrt", ["ve"], "s"),
        node("Reciprocal", ["s"], "i"),
        node("Mul", ["i", "gamma"], "k"),
        node("Mul", ["h", "k"], "scaled"),
        node("Mul", ["m", "k"], "middle"),
        node("Sub", ["beta", "middle"], "offset"),
        node("Add", ["scaled", "offset"], "z"),
        node("Mul", ["z", "factor"], "y"),
      ],
      [
        tensor("a.weight", 4, 4),
        tensor("epsilon"),
        ...["gamma", "beta", "factor"].map((name) => tensor(name, 4)),
      ],
    );
    const infos = unwrap(listParameters(layer));
    expect(infos.map(({ name, role }) => [name, role])).toEqual([
      ["a.weight", "weight"],
      ["beta", "shift"],
      ["gamma", "scale"],
    ]);
    const plain = model(
      [
        node("Sqrt", ["x"], "s"),
        node("Reciprocal", ["s"], "i"),
        node("Mul", ["i", "x"], "n"),
        node("Mul", ["n", "gamma"], "k"),
        node("Add", ["k", "beta"], "y"),
      ],
      ["gamma", "beta"].map((name) => tensor(name, 4)),
    );
    expect(scopeParameters(unwrap(listParameters(plain)), "norm").map(({ name }) => name)).toEqual([
      "beta",
      "gamma",
    ]);
  });
});
