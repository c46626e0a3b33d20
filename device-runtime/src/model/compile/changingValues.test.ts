// Values that follow from a parameter follow it while it is trained: nothing of them is computed ahead, and no part of their gradient is lost.
import { describe, expect, it } from "vitest";
import { type ComparedElement, compareWithFile } from "../../../test/fileCheck.ts";
import { createModelWriter, type ModelWriter } from "../../../test/modelWriter.ts";
import { integer } from "../graph/graphEmitter.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { compileTraining } from "./compileTraining.ts";
import { specializeModel } from "./specializeModel.ts";

const runtime = await loadNodeOrt();
const FLOAT = integer(1);
const INT64 = integer(7);

function modelOf(write: (writer: ModelWriter) => string, input = [3]): Uint8Array {
  const writer = createModelWriter(17, ["n", ...input]);
  return writer.finish(write(writer));
}

/** Largest difference of loss or slope between the step and the file, as a share. */
async function fileError(
  model: Uint8Array,
  elements: readonly ComparedElement[],
  shift = 0,
): Promise<number> {
  const { loss, slopes } = await compareWithFile(runtime, model, elements, shift);
  const errors = [loss, ...slopes].map(
    ({ step, file }) => Math.abs(step - file) / Math.max(0.05, Math.abs(file)),
  );
  return Math.max(...errors);
}

const dense = (writer: ModelWriter, bias: readonly number[]): string =>
  writer.node("Gemm", ["x", writer.weight("w", [3, 3]), writer.floats("b", [3], bias)]);

describe("what follows from a parameter", () => {
  const gated = modelOf((writer) => {
    const isAbove = writer.node("Greater", ["b", writer.floats("zero", [1], [0])]);
    const gate = writer.node("Cast", [isAbove], { to: FLOAT });
    return writer.node("Mul", [dense(writer, [0.3, 0.5, -0.4]), gate]);
  });

  it("[TC60] a truth value of it is decided by each step, also beyond where the file stands", async () => {
    const elements = [0, 1, 2].map((at) => ({ name: "b", at }));
    expect(await fileError(gated, elements)).toBeLessThanOrEqual(0.01);
    expect(await fileError(gated, elements, -0.6)).toBeLessThanOrEqual(0.01);
    expect(await fileError(gated, elements, 0.6)).toBeLessThanOrEqual(0.01);
  });

  it("[TC60] and stays undecided in a specialised model", async () => {
    const special = specializeModel(gated, {});
    const model = special.ok ? special.value : new Uint8Array();
    expect(await fileError(model, [{ name: "b", at: 1 }], -0.6)).toBeLessThanOrEqual(0.01);
  });

  it("[TC60] a bound of Clip that is trained has its gradient, too", async () => {
    const model = modelOf((writer) => {
      const low = writer.node("Squeeze", [writer.floats("low", [1], [-0.2])]);
      const high = writer.node("Squeeze", [writer.floats("high", [1], [0.3])]);
      const hidden = writer.node("MatMul", ["x", writer.weight("w", [3, 4])]);
      const clipped = writer.node("Clip", [hidden, low, high]);
      const shifted = writer.node("Add", [
        writer.node("MatMul", [clipped, writer.weight("v", [4, 4])]),
        "low",
      ]);
      return writer.node("Add", [
        writer.node("MatMul", [shifted, writer.weight("u", [4, 4])]),
        "high",
      ]);
    });
    expect(
      await fileError(model, [
        { name: "low", at: 0 },
        { name: "high", at: 0 },
      ]),
    ).toBeLessThanOrEqual(0.01);
    // Where they cross, the upper one holds.
    expect(
      await fileError(
        model,
        [
          { name: "low", at: 0 },
          { name: "w", at: 1 },
        ],
        0.7,
      ),
    ).toBeLessThanOrEqual(0.01);
  });

  it("[TC60] an input whose gradient no rule writes is refused by name", () => {
    const model = modelOf((writer) => {
      const scale = writer.floats("b", [1], [0.3]);
      const weight = writer.tensor({
        name: "q",
        type: "int8",
        dims: [3, 1],
        bytes: Uint8Array.of(1, 2, 3),
      });
      const dequantized = writer.node("DequantizeLinear", [
        weight,
        writer.node("Squeeze", [scale]),
      ]);
      const hidden = writer.node("MatMul", ["x", writer.weight("w", [3, 3])]);
      const product = writer.node("MatMul", [writer.node("Add", [hidden, scale]), dequantized]);
      return writer.node("MatMul", [product, writer.weight("v", [1, 2])]);
    });
    const compiled = compileTraining(model, {
      scope: { names: ["b", "v"] },
      loss: { kind: "meanSquaredError" },
      optimizer: { kind: "sgd" },
    });
    expect(compiled.ok ? "" : compiled.refusal.message).toMatch(
      /DequantizeLinear node ".*no gradient by its input 1/,
    );
  });
});

describe("what goes through integers", () => {
  it("[TC60] Cast to integers and back has the gradient 0 of the file", async () => {
    const model = modelOf((writer) => {
      const hidden = writer.node("MatMul", ["x", writer.weight("w", [3, 3], 3)]);
      const cut = writer.node("Cast", [writer.node("Cast", [hidden], { to: INT64 })], {
        to: FLOAT,
      });
      return writer.node("Add", [cut, hidden]);
    });
    expect(
      await fileError(
        model,
        [0, 4, 7].map((at) => ({ name: "w", at })),
      ),
    ).toBeLessThanOrEqual(0.01);
  });

  it("[TC60] a parameter that is read through integers alone has no gradient, and is named", () => {
    const model = modelOf((writer) => {
      const hidden = writer.node("MatMul", ["x", writer.weight("w", [3, 3], 3)]);
      return writer.node("Cast", [writer.node("Cast", [hidden], { to: INT64 })], { to: FLOAT });
    });
    const compiled = compileTraining(model, {
      scope: "all",
      loss: { kind: "meanSquaredError" },
      optimizer: { kind: "sgd" },
    });
    expect(compiled.ok ? "" : compiled.refusal.message).toMatch(/parameter w/);
    expect(compiled.ok ? "" : compiled.refusal.message).toMatch(/integers/);
  });
});
