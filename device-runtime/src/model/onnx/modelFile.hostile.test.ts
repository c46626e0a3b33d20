// Bytes that are no model, or one made to hurt: every one is refused by its code, none crashes or hangs.
import type { Outcome } from "@attune/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readParityCase } from "../../../test/torchParityCase.ts";
import { compileServing } from "../compile/compileServing.ts";
import { compileTraining } from "../compile/compileTraining.ts";
import {
  GRAPH_NAME_BYTES_MAX,
  GRAPH_NODES_MAX,
  MODEL_BYTES_MAX,
  MODEL_FIELDS_MAX,
} from "../limits.ts";
import { readParameters } from "../parameters/parameterBytes.ts";
import { joinModel, splitModel } from "../parameters/splitModel.ts";
import { type GraphParts, writeGraph, writeModel } from "./modelFile.ts";
import type { OnnxNode } from "./nodeMessage.ts";
import { floatTensor } from "./tensorMessage.ts";
import { writeValue } from "./valueMessage.ts";
import { bytesField, integerField, joinBytes, textField } from "./wireFormat.ts";

const plan = {
  scope: "all",
  loss: { kind: "crossEntropy" },
  optimizer: { kind: "sgd" },
} as const;

/** Every way in that takes untrusted bytes. */
const doors: readonly ((bytes: Uint8Array) => Outcome<unknown>)[] = [
  (bytes) => compileTraining(bytes, plan),
  compileServing,
  readParameters,
  splitModel,
  (bytes) => joinModel(bytes, []),
];
const codes = (bytes: Uint8Array): (string | undefined)[] =>
  doors.slice(0, 4).map((door) => {
    const outcome = door(bytes);
    return outcome.ok ? undefined : outcome.refusal.code;
  });
/** A value, or a refusal that says something: never an exception. */
const isOutcome = (outcome: Outcome<unknown>): boolean =>
  outcome.ok || outcome.refusal.message !== "";
const fourTimes = (code: string): string[] => [code, code, code, code];
const trainingRefusal = (bytes: Uint8Array): { code: string; message: string } => {
  const outcome = compileTraining(bytes, plan);
  return outcome.ok ? { code: "", message: "" } : outcome.refusal;
};

const node = (
  operator: string,
  inputs: string[],
  outputs: string[],
  more: Partial<OnnxNode> = {},
): OnnxNode => ({
  name: "",
  operator,
  domain: "",
  inputs,
  outputs,
  attributes: new Map(),
  ...more,
});
const graph = (parts: Partial<GraphParts>): Uint8Array =>
  writeModel(17, {
    name: "g",
    nodes: [node("Gemm", ["x", "w"], ["y"])],
    initializers: [floatTensor("w", [2, 2], [1, 2, 3, 4])],
    inputs: [writeValue("x", "float32", ["n", 2])],
    outputs: [writeValue("y", "float32", ["n", 2])],
    ...parts,
  });
const rawModel = (...graphFields: Uint8Array[]): Uint8Array =>
  joinBytes([
    integerField(1, 8),
    bytesField(7, joinBytes(graphFields)),
    bytesField(8, integerField(2, 17)),
  ]);

describe("bytes", () => {
  const { model } = readParityCase("cnn1d");

  it("[TC2] any truncation is refused or still a whole message, never a crash", () => {
    for (let length = 0; length < model.length; length += length < 400 ? 1 : 37) {
      for (const door of doors) {
        expect(isOutcome(door(model.slice(0, length)))).toBe(true);
      }
      expect(trainingRefusal(model.slice(0, length)).code).not.toBe("");
    }
  });

  it("[TC2] random bytes and random damage never crash a door", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(doors.map((door) => door(bytes)).every(isOutcome)).toBe(true);
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(model.length - 1), fc.integer({ min: 0, max: 255 })), {
          minLength: 1,
          maxLength: 8,
        }),
        (changes) => {
          const damaged = model.slice();
          for (const [at, byte] of changes) damaged[at] = byte;
          expect(doors.map((door) => door(damaged)).every(isOutcome)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("[TC2] lengths past the end, endless numbers, groups and field 0 are model.malformed", () => {
    const wrong = [
      Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
      Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f),
      Uint8Array.of(0x08, ...Array.from({ length: 12 }, () => 0xff)),
      Uint8Array.of(0x08),
      Uint8Array.of(0x0b),
      Uint8Array.of(0x00, 0x01),
      new Uint8Array(),
    ];
    for (const bytes of wrong) {
      expect(codes(bytes)).toEqual(fourTimes("model.malformed"));
    }
  });

  it("[TC2] a size bomb is model.too_large before it is decoded", () => {
    const many = new Uint8Array(2 * (MODEL_FIELDS_MAX + 1)).fill(0);
    for (let at = 0; at < many.length; at += 2) many[at] = 0x08;
    expect(trainingRefusal(many).code).toBe("model.too_large");
    expect(codes({ length: MODEL_BYTES_MAX + 1 } as Uint8Array)).toEqual(
      fourTimes("model.too_large"),
    );
    const relu = bytesField(1, textField(4, "Relu"));
    const nodes = Array.from({ length: GRAPH_NODES_MAX + 1 }, () => relu);
    expect(codes(rawModel(...nodes))[0]).toBe("model.too_large");
    const name = textField(8, "n".repeat(GRAPH_NAME_BYTES_MAX + 1));
    expect(codes(rawModel(bytesField(5, name)))[0]).toBe("model.too_large");
    const list = bytesField(1, new Uint8Array(3e6));
    expect(codes(rawModel(bytesField(5, list)))[0]).toBe("model.too_large");
  });

  it("[TC2] tensors that lie about themselves are model.malformed", () => {
    const tensor = (...fields: Uint8Array[]) => rawModel(bytesField(5, joinBytes(fields)));
    const float = integerField(2, 1);
    const wrong = [
      tensor(float, integerField(1, 2), bytesField(9, new Uint8Array(4))),
      tensor(float, integerField(1, -1), bytesField(9, new Uint8Array())),
      tensor(float, integerField(1, 2n ** 40n), integerField(1, 2n ** 40n)),
      tensor(integerField(2, 99)),
      tensor(integerField(2, 8), bytesField(6, new Uint8Array())),
      tensor(float, integerField(14, 1), bytesField(13, textField(1, "location"))),
      tensor(float, bytesField(4, new Uint8Array(3))),
      tensor(float, bytesField(8, Uint8Array.of(0xff, 0xfe))),
    ];
    for (const bytes of wrong) expect(codes(bytes)[0]).toBe("model.malformed");
  });

  it("[TC2] parameters that are not finite are model.malformed", () => {
    const bad = graph({ initializers: [floatTensor("w", [2, 2], [1, Number.NaN, 3, 4])] });
    expect(codes(bad).slice(2)).toEqual(["model.malformed", "model.malformed"]);
  });
});

describe("graphs", () => {
  it("[TC2] the sound graph that the others are made from compiles", () => {
    expect(trainingRefusal(graph({})).code).toBe("");
  });

  it("[TC2] cycles, gaps, repeated names and missing outputs are model.graph_invalid", () => {
    const wrong = [
      graph({
        nodes: [
          node("Add", ["x", "b"], ["a"]),
          node("Relu", ["a"], ["b"]),
          node("Gemm", ["b", "w"], ["y"]),
        ],
      }),
      graph({ nodes: [node("Gemm", ["nowhere", "w"], ["y"])] }),
      graph({ nodes: [node("Gemm", ["x", "w"], ["y"]), node("Relu", ["y"], ["y"])] }),
      graph({ nodes: [node("Gemm", ["x", "w"], ["x"])] }),
      graph({ initializers: [floatTensor("w", [1], [1]), floatTensor("w", [1], [1])] }),
      graph({ outputs: [writeValue("z", "float32", ["n", 2])] }),
      graph({ outputs: [] }),
      graph({ inputs: [] }),
      graph({
        inputs: [writeValue("x", "float32", ["n", 2]), writeValue("x", "float32", ["n", 2])],
      }),
      graph({
        nodes: [node("Gemm", ["x", "w"], ["train:loss"]), node("Relu", ["train:loss"], ["y"])],
      }),
    ];
    wrong.forEach((bytes, index) => {
      expect(trainingRefusal(bytes).code, `graph ${index}`).toBe("model.graph_invalid");
    });
  });

  it("[TC2] more data inputs than any model of text has are model.too_large", () => {
    const names = Array.from({ length: 17 }, (_, index) => `x${index}`);
    const inputs = names.map((name) => writeValue(name, "float32", ["n", 2]));
    const many = graph({
      inputs,
      nodes: [node("Sum", names, ["s"]), node("Gemm", ["s", "w"], ["y"])],
    });
    expect(trainingRefusal(many).code).toBe("model.too_large");
    const few = graph({
      inputs,
      nodes: [node("Sum", names.slice(1), ["s"]), node("Gemm", ["s", "w"], ["y"])],
    });
    expect(trainingRefusal(few).code).toBe("");
  });

  it("[TC2] operator sets that are not read are model.opset_unsupported", () => {
    for (const opset of [0, 7, 22]) {
      const parts = {
        name: "g",
        nodes: [node("Gemm", ["x", "w"], ["y"])],
        initializers: [floatTensor("w", [2, 2], [1, 2, 3, 4])],
        inputs: [writeValue("x", "float32", ["n", 2])],
        outputs: [writeValue("y", "float32", ["n", 2])],
      };
      expect(trainingRefusal(writeModel(opset, parts)).code).toBe("model.opset_unsupported");
    }
  });

  it("[TC3] an operator without a rule is named with its node, and does not matter where it is not needed", () => {
    const unknown = node("Zigzag", ["x"], ["a"], { name: "/body/zig" });
    const { code, message } = trainingRefusal(
      graph({ nodes: [unknown, node("Gemm", ["a", "w"], ["y"])] }),
    );
    expect(code).toBe("model.operator_unsupported");
    expect(message).toContain('Zigzag node "/body/zig"');
    expect(trainingRefusal(graph({ nodes: [unknown, node("Gemm", ["x", "w"], ["y"])] })).code).toBe(
      "",
    );
    const foreign = node("Gemm", ["x", "w"], ["y"], { domain: "com.microsoft" });
    expect(trainingRefusal(graph({ nodes: [foreign] })).message).toContain("com.microsoft.Gemm");
  });

  it("[TC3] shapes that do not fit are model.shape_invalid, unknown ones model.shape_unknown", () => {
    const strides = {
      attributes: new Map([["strides", { kind: "integers", value: [0] } as const]]),
    };
    const signal = [writeValue("x", "float32", ["n", 1, 4])];
    const kernel = [floatTensor("w", [1, 1, 5], [1, 2, 3, 4, 5])];
    const invalid = [
      graph({ inputs: [writeValue("x", "float32", ["n", 3])] }),
      graph({ inputs: signal, initializers: kernel, nodes: [node("Conv", ["x", "w"], ["y"])] }),
      graph({
        inputs: signal,
        initializers: kernel,
        nodes: [node("Conv", ["x", "w"], ["y"], strides)],
      }),
      graph({ nodes: [node("MaxPool", ["x"], ["p"]), node("Gemm", ["p", "w"], ["y"])] }),
      graph({
        nodes: [
          node("Transpose", ["x"], ["t"], {
            attributes: new Map([["perm", { kind: "integers", value: [0, 0] }]]),
          }),
          node("Gemm", ["t", "w"], ["y"]),
        ],
      }),
    ];
    invalid.forEach((bytes, index) => {
      expect(trainingRefusal(bytes).code, `graph ${index}`).toBe("model.shape_invalid");
    });
    const unknown = [
      graph({ inputs: [writeValue("x", "float32", undefined)] }),
      graph({
        inputs: [writeValue("x", "float32", ["n", 1, "time"])],
        initializers: kernel,
        nodes: [node("Conv", ["x", "w"], ["y"])],
      }),
    ];
    unknown.forEach((bytes, index) => {
      expect(trainingRefusal(bytes).code, `graph ${index}`).toBe("model.shape_unknown");
    });
  });

  it("[TC2] nesting does not multiply the work: an attribute graph stays closed", () => {
    let inner = writeGraph({ name: "g", nodes: [], initializers: [], inputs: [], outputs: [] });
    for (let depth = 0; depth < 2000; depth += 1) inner = bytesField(6, inner);
    const loop = node("Loop", ["x"], ["y"], {
      attributes: new Map([["body", { kind: "graph", value: inner }]]),
    });
    expect(trainingRefusal(graph({ nodes: [loop] })).code).toBe("model.operator_unsupported");
  });
});

describe("split graphs", () => {
  const { model } = readParityCase("mlp");
  const split = splitModel(model);
  if (!split.ok) throw new Error(split.refusal.message);
  const { graph: bytes, parameters } = split.value;
  const refused = (changed: Uint8Array, given = parameters): string => {
    const outcome = joinModel(changed, given);
    return outcome.ok ? "" : outcome.refusal.code;
  };

  it("[TC14] damage to a split graph is refused or gives a model, never a crash", () => {
    for (let length = 0; length < bytes.length; length += 1) {
      const outcome = joinModel(bytes.slice(0, length), parameters);
      expect(outcome.ok ? outcome.value : outcome.refusal.code).not.toEqual(model);
    }
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const damaged = bytes.slice();
        damaged[at] = byte;
        expect(isOutcome(joinModel(damaged, parameters))).toBe(true);
      }),
      { numRuns: 500 },
    );
    const bomb = bytes.slice();
    new DataView(bomb.buffer).setUint32(12, 0xffffffff, true);
    expect(refused(bomb)).not.toBe("");
  });

  it("[TC14] parameters that are missing, extra or of another shape are model.parameter_mismatch", () => {
    expect(refused(bytes, parameters.slice(1))).toBe("model.parameter_mismatch");
    expect(
      refused(bytes, [...parameters, { name: "z", dims: [1], data: Float32Array.of(1) }]),
    ).toBe("model.parameter_mismatch");
    expect(
      refused(
        bytes,
        parameters.map((tensor) => ({ ...tensor, dims: [...tensor.dims].reverse() })),
      ),
    ).toBe("model.parameter_mismatch");
  });
});
