// Reading and writing ONNX files without loss.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readParityCase } from "../../../test/torchParityCase.ts";
import { readModelFile, writeModel, writeModelFields } from "./modelFile.ts";
import { type OnnxAttribute, type OnnxNode, readNode, writeNode } from "./nodeMessage.ts";
import {
  floatTensor,
  readTensor,
  tensorFloats,
  tensorIntegers,
  writeTensor,
} from "./tensorMessage.ts";
import { readValue, writeValue } from "./valueMessage.ts";
import {
  bytesField,
  createWireBudget,
  floatField,
  integerField,
  joinBytes,
  readFields,
  textField,
} from "./wireFormat.ts";

const unchanged = (model: Uint8Array): Uint8Array => {
  const file = readModelFile(model);
  return writeModelFields(
    file,
    file.graphFields.map((one) => one.encoded),
  );
};

const field = fc.record({
  number: fc.integer({ min: 1, max: 0x1fffffff }),
  bytes: fc.uint8Array(),
});

describe("files", () => {
  for (const name of ["mlp", "cnn1d"]) {
    const { model } = readParityCase(name);

    it(`[TC1] ${name} as PyTorch wrote it comes back byte for byte`, () => {
      expect(unchanged(model)).toEqual(model);
    });

    it(`[TC1] ${name} with unknown fields anywhere comes back byte for byte`, () => {
      const own = readModelFile(model);
      const graphNumber = 7;
      fc.assert(
        fc.property(
          fc.array(field, { maxLength: 4 }),
          fc.array(field, { maxLength: 4 }),
          fc.nat(),
          (inModel, inGraph, at) => {
            // Numbers that ONNX gives to nothing.
            const unknown = (list: typeof inModel) =>
              list.map(({ number, bytes }) => bytesField(1000 + (number % 1e6), bytes));
            const graph = own.graphFields.map((one) => one.encoded);
            graph.splice(at % graph.length, 0, ...unknown(inGraph));
            const fields = own.fields.map((one) =>
              one.number === graphNumber ? bytesField(graphNumber, joinBytes(graph)) : one.encoded,
            );
            fields.splice(at % fields.length, 0, ...unknown(inModel));
            const extended = joinBytes(fields);
            expect(unchanged(extended)).toEqual(extended);
          },
        ),
      );
    });

    it(`[TC1] ${name} at an odd offset in a larger buffer reads the same`, () => {
      const shifted = new Uint8Array(model.length + 3).subarray(3);
      shifted.set(model);
      const read = readModelFile(shifted).initializers.map((tensor) => tensorFloats(tensor));
      expect(read).toEqual(readModelFile(model).initializers.map((tensor) => tensorFloats(tensor)));
      expect(unchanged(shifted)).toEqual(model);
    });
  }

  it("[TC1] a graph whose length is written in more bytes than needed comes back as it was", () => {
    const graph = joinBytes([textField(2, "g")]);
    // 0x83 0x00 is 3 in two bytes.
    const model = joinBytes([integerField(1, 8), Uint8Array.of(0x3a, 0x83, 0x00), graph]);
    expect(unchanged(model)).toEqual(model);
  });
});

describe("messages", () => {
  it("[TC1] any list of fields is read and written back byte for byte", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc
              .tuple(
                fc.integer({ min: 1, max: 1e6 }),
                fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
              )
              .map(([number, value]) => integerField(number, value)),
            field.map(({ number, bytes }) => bytesField(number % 1e6 || 1, bytes)),
            fc
              .tuple(fc.integer({ min: 1, max: 1e6 }), fc.float())
              .map(([number, value]) => floatField(number, value)),
          ),
        ),
        (fields) => {
          const bytes = joinBytes(fields);
          const read = readFields(bytes, createWireBudget());
          expect(joinBytes(read.map((one) => one.encoded))).toEqual(bytes);
          expect(read).toHaveLength(fields.length);
        },
      ),
    );
  });

  it("[TC1] nodes come back with every kind of attribute", () => {
    const attributes = new Map<string, OnnxAttribute>([
      ["f", { kind: "float", value: 0.5 }],
      ["i", { kind: "integer", value: -3 }],
      ["s", { kind: "text", value: "SAME_UPPER" }],
      ["t", { kind: "tensor", value: floatTensor("t", [2, 1], [1, -2]) }],
      ["g", { kind: "graph", value: textField(2, "inner") }],
      ["fs", { kind: "floats", value: [1, 2.5] }],
      ["is", { kind: "integers", value: [-1, 2 ** 40] }],
    ]);
    const node: OnnxNode = {
      name: "n",
      operator: "Op",
      domain: "x.y",
      inputs: ["a", "", "b"],
      outputs: ["", "c"],
      attributes,
    };
    const written = writeNode(node);
    expect(readNode(written, createWireBudget())).toEqual(node);
    expect(writeNode(readNode(written, createWireBudget()))).toEqual(written);
  });

  it("[TC1] tensors read the same from raw data and from typed lists, packed or not", () => {
    const dims = [integerField(1, 3)];
    const head = (code: number) => [...dims, integerField(2, code), textField(8, "t")];
    const read = (parts: Uint8Array[]) => readTensor(joinBytes(parts), createWireBudget());
    const values = Float32Array.of(1, -2, 0.5);
    const raw = new Uint8Array(values.buffer);
    const forms = [
      [...head(1), bytesField(9, raw)],
      [...head(1), bytesField(4, raw)],
      [...head(1), ...Array.from(values, (value) => floatField(4, value))],
    ];
    for (const form of forms) expect(tensorFloats(read(form))).toEqual(values);
    const integers = [
      [...head(7), integerField(7, 5), integerField(7, -1), integerField(7, 300)],
      [...head(7), bytesField(9, new Uint8Array(BigInt64Array.of(5n, -1n, 300n).buffer))],
      [...head(6), integerField(5, 5), integerField(5, -1), integerField(5, 300)],
    ];
    for (const form of integers) expect(tensorIntegers(read(form))).toEqual([5, -1, 300]);
    const tensor = floatTensor("w", [1, 3], values);
    expect(readTensor(writeTensor(tensor), createWireBudget())).toEqual(tensor);
  });

  it("[TC1] declarations come back with sizes, names and gaps", () => {
    const written = writeValue("x", "float32", ["batch", 6, 128]);
    expect(readValue(written, createWireBudget())).toEqual({
      name: "x",
      type: "float32",
      dims: ["batch", 6, 128],
    });
    expect(readValue(writeValue("x", "int64", undefined), createWireBudget()).dims).toBeUndefined();
  });

  it("[TC1] a new model reads back as it was made", () => {
    const node: OnnxNode = {
      name: "",
      operator: "Relu",
      domain: "",
      inputs: ["x"],
      outputs: ["y"],
      attributes: new Map(),
    };
    const model = writeModel(17, {
      name: "g",
      nodes: [node],
      initializers: [floatTensor("w", [1], [2])],
      inputs: [writeValue("x", "float32", ["n"])],
      outputs: [writeValue("y", "float32", ["n"])],
    });
    const file = readModelFile(model);
    expect(file.opset).toBe(17);
    expect(file.irVersion).toBe(8);
    expect(file.nodes).toEqual([node]);
    expect(file.initializers.map(({ name }) => name)).toEqual(["w"]);
    expect(unchanged(model)).toEqual(model);
  });
});
