// Every operator with inputs and settings that make no sense: always an outcome, never a crash.
import fc from "fast-check";
import { expect, it } from "vitest";
import { createModelWriter } from "../../../test/modelWriter.ts";
import type { OnnxAttribute } from "../onnx/nodeMessage.ts";
import { supportedOperators } from "../operators/supportedOperators.ts";
import { exposeParameters } from "../parameters/exposeParameters.ts";
import { compileTraining } from "./compileTraining.ts";

const oddInteger = fc.oneof(
  fc.integer({ min: -3, max: 8 }),
  fc.constantFrom(2 ** 31, -(2 ** 31), 2 ** 40, -(2 ** 53)),
);
const attribute: fc.Arbitrary<OnnxAttribute> = fc.oneof(
  oddInteger.map((value) => ({ kind: "integer", value }) as const),
  fc.array(oddInteger, { maxLength: 5 }).map((value) => ({ kind: "integers", value }) as const),
  fc.double().map((value) => ({ kind: "float", value }) as const),
  fc
    .constantFrom(
      "",
      "linear",
      "reverse",
      "bi,ij->bj",
      "ii->i",
      "->",
      "SAME_UPPER",
      "reflect",
      "add",
    )
    .map((value) => ({ kind: "text", value }) as const),
  fc.constant({ kind: "graph", value: new Uint8Array([1, 2, 3]) } as const),
);
const settings = [
  "axis",
  "axes",
  "perm",
  "kernel_shape",
  "strides",
  "pads",
  "dilations",
  "group",
  "blocksize",
  "num_outputs",
  "num_groups",
  "batch_dims",
  "split",
  "k",
  "to",
  "mode",
  "scales",
  "starts",
  "ends",
  "equation",
  "direction",
  "hidden_size",
  "activations",
  "layout",
  "keepdims",
  "allowzero",
  "auto_pad",
  "output_padding",
  "block_size",
  "upper",
  "then_branch",
  "value",
];

const draw = fc.record({
  opset: fc.constantFrom(8, 9, 11, 13, 17, 21),
  operator: fc.constantFrom(...supportedOperators().map(({ name }) => name)),
  sample: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
  inputs: fc.array(
    fc.oneof(
      fc.constant("data" as const),
      fc.constant("left out" as const),
      fc.array(oddInteger, { maxLength: 4 }),
      fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 }).map((dims) => ({ dims })),
    ),
    { maxLength: 5 },
  ),
  attributes: fc.dictionary(fc.constantFrom(...settings), attribute, { maxKeys: 4 }),
  outputCount: fc.integer({ min: 1, max: 3 }),
});

it("[TC2] any operator with any inputs and settings is compiled or refused", () => {
  let compiled = 0;
  fc.assert(
    fc.property(draw, ({ opset, operator, sample, inputs, attributes, outputCount }) => {
      const write = createModelWriter(opset, ["n", ...sample]);
      const width = sample.at(-1) ?? 1;
      const data = write.node("MatMul", ["x", write.weight("w", [width, width])]);
      const names = inputs.map((input, index) => {
        if (input === "data") return data;
        if (input === "left out") return "";
        if (Array.isArray(input)) return write.integers(`i${index}`, [input.length], input);
        return write.weight(`f${index}`, input.dims);
      });
      const outputs = Array.from({ length: outputCount }, (_, index) => `y${index}`);
      write.nodeOf(operator, [data, ...names], outputs, attributes);
      const model = write.finish("y0");
      const outcome = compileTraining(model, {
        scope: "all",
        loss: { kind: "meanSquaredError" },
        optimizer: { kind: "sgd" },
      });
      compiled += Number(outcome.ok);
      expect(outcome.ok ? "model." : outcome.refusal.code).toMatch(/^model\./);
      expect(exposeParameters(model, { untie: true })).toHaveProperty("ok");
    }),
    { numRuns: 2000, seed: 11 },
  );
  // Some make sense by chance.
  expect(compiled).toBeGreaterThan(50);
});
