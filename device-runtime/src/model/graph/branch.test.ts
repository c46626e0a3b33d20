// `If` as exporters write it around a shape: decided ahead, or refused by name.
import { describe, expect, it } from "vitest";
import { modelGradientError } from "../../../test/modelCheck.ts";
import { createModelWriter } from "../../../test/modelWriter.ts";
import { compileTraining } from "../compile/compileTraining.ts";
import { writeGraph } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { floatTensor, integerTensor } from "../onnx/tensorMessage.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { integer } from "./graphEmitter.ts";

const runtime = await loadNodeOrt();

const node = (operator: string, inputs: string[], output: string): OnnxNode => ({
  name: operator,
  operator,
  domain: "",
  inputs,
  outputs: [output],
  attributes: new Map(),
});
/** Both branches call their result `r`, and read `h` from around them. */
const branch = (operator: string) =>
  ({
    kind: "graph",
    value: writeGraph({
      name: "branch",
      nodes: [node("Mul", ["h", "factor"], "m"), node(operator, ["m"], "r")],
      initializers: [floatTensor("factor", [], [2])],
      inputs: [],
      outputs: [writeValue("r", "float32", undefined)],
    }),
  }) as const;

function withIf(condition: "shape" | "data"): Uint8Array {
  const write = createModelWriter(16, ["n", 3]);
  write.nodeOf("MatMul", ["x", write.weight("w1", [3, 3])], ["h"]);
  const shape = write.node("Gather", [write.node("Shape", ["h"]), write.integers("one", [], [1])]);
  const isThree = write.node("Equal", [shape, write.constant(integerTensor("", [], [3]))]);
  const isLarge = write.node("Greater", [
    write.node("ReduceMax", ["x"], { keepdims: integer(0) }),
    write.floats("half", [], [0.5]),
  ]);
  const chosen = write.node("If", [condition === "shape" ? isThree : isLarge], {
    then_branch: branch("Tanh"),
    else_branch: branch("Neg"),
  });
  const again = write.node("If", [condition === "shape" ? isThree : isLarge], {
    then_branch: branch("Sin"),
    else_branch: branch("Neg"),
  });
  const sum = write.node("Add", [chosen, again]);
  return write.finish(write.node("MatMul", [sum, write.weight("w2", [3, 2])]));
}

describe("If", () => {
  it("[TC3] that asks for a shape is its branch, and trains", async () => {
    const { worst, names } = await modelGradientError(runtime, {
      model: withIf("shape"),
      scope: "all",
    });
    expect(names).toEqual(["w1", "w2"]);
    expect(worst).toBeLessThanOrEqual(1e-3);
  });

  it("[TC3] that asks for data is refused by name", () => {
    const outcome = compileTraining(withIf("data"), {
      scope: "all",
      loss: { kind: "meanSquaredError" },
      optimizer: { kind: "sgd" },
    });
    expect(outcome.ok ? "" : outcome.refusal.message).toMatch(/If node "If_\d+" decides while/);
  });
});
