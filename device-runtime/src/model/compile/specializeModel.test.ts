// A voice-activity model as it is published: a sampling rate and a state as inputs, a network for each rate inside an `If`.
import { unwrap } from "@attune/protocol";
import { describe, expect, it } from "vitest";
import { modelGradientError } from "../../../test/modelCheck.ts";
import { createModelWriter, inputValues } from "../../../test/modelWriter.ts";
import { relativeDifference } from "../../../test/torchParityCase.ts";
import { integer } from "../graph/graphEmitter.ts";
import { readModelFile, writeGraph, writeModelFields } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { floatTensor, integerTensor } from "../onnx/tensorMessage.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import { bytesField } from "../onnx/wireFormat.ts";
import { listParameters } from "../parameters/listParameters.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import type { OrtTensor } from "../session/ortRuntime.ts";
import { compileTraining } from "./compileTraining.ts";
import { specializeModel } from "./specializeModel.ts";

const runtime = await loadNodeOrt();

const node = (
  operator: string,
  inputs: string[],
  outputs: string[],
  attributes: OnnxNode["attributes"] = new Map(),
): OnnxNode => ({ name: outputs[0] ?? "", operator, domain: "", inputs, outputs, attributes });
const weights = (name: string, dims: number[], seed: number) =>
  floatTensor(
    name,
    dims,
    inputValues(dims, seed).map((value) => value * 0.7),
  );

/** The network of one rate: an LSTM over four pieces of the sound, starting from the state. */
const network = (seed: number) =>
  ({
    kind: "graph",
    value: writeGraph({
      name: "rate",
      nodes: [
        node("Reshape", ["x", "pieces"], ["sequence"]),
        node(
          "LSTM",
          ["sequence", "rnn.W", "rnn.R", "", "", "h", "c"],
          ["", "last"],
          new Map([["hidden_size", integer(2)]]),
        ),
        node("Squeeze", ["last", "front"], ["hidden"]),
        node("Gemm", ["hidden", "fc.weight", "fc.bias"], ["score"]),
      ],
      initializers: [
        integerTensor("pieces", [3], [4, -1, 2]),
        integerTensor("front", [1], [0]),
        weights("rnn.W", [1, 8, 2], seed),
        weights("rnn.R", [1, 8, 2], seed + 1),
        weights("fc.weight", [2, 1], seed + 2),
        weights("fc.bias", [1], seed + 3),
      ],
      inputs: [],
      outputs: [writeValue("score", "float32", undefined)],
    }),
  }) as const;

function published(): Uint8Array {
  const write = createModelWriter(16, [1, 8]);
  const isHigh = write.node("Equal", ["sr", write.constant(integerTensor("", [], [16000]))]);
  const place = (index: number) => write.constant(integerTensor("", [], [index]));
  const take = (index: number, output: string): void =>
    write.nodeOf("Gather", ["state", place(index)], [output], { axis: integer(0) });
  take(0, "h2");
  take(1, "c2");
  const front = write.constant(integerTensor("", [1], [0]));
  write.nodeOf("Unsqueeze", ["h2", front], ["h"]);
  write.nodeOf("Unsqueeze", ["c2", front], ["c"]);
  const score = write.node("If", [isHigh], { then_branch: network(1), else_branch: network(5) });
  const file = readModelFile(write.finish(write.node("Sigmoid", [score])));
  return writeModelFields(file, [
    ...file.graphFields.map((one) => one.encoded),
    bytesField(11, writeValue("state", "float32", [2, "", 2])),
    bytesField(11, writeValue("sr", "int64", [])),
  ]);
}

const fixed = { inputs: { sr: 16000, state: 0 }, dims: { "state.1": 1 } };

async function run(model: Uint8Array, others: Record<string, OrtTensor>): Promise<Float32Array> {
  const [output] = readModelFile(model).outputs;
  const graph = await runtime.load(model);
  const x: OrtTensor = { type: "float32", dims: [1, 8], data: inputValues([1, 8]) };
  const results = await graph.run({ x, ...others }, [output?.name ?? ""]);
  await graph.release();
  return results[output?.name ?? ""]?.data as Float32Array;
}

describe("specialize", () => {
  it("[TC45] the model as published is refused by the name of an input that is no data", () => {
    const outcome = compileTraining(published(), {
      scope: "head",
      loss: { kind: "meanSquaredError" },
      optimizer: { kind: "sgd" },
    });
    expect(outcome.ok ? "" : outcome.refusal.message).toContain(
      "input state is [2, state.1, 2], so it is not one for each sample",
    );
  });

  it("[TC45] with rate and state fixed it computes the same", async () => {
    const rate: OrtTensor = { type: "int64", dims: [], data: BigInt64Array.of(16000n) };
    const state: OrtTensor = { type: "float32", dims: [2, 1, 2], data: new Float32Array(4) };
    const expected = await run(published(), { sr: rate, state });
    const found = await run(unwrap(specializeModel(published(), fixed)), {});
    expect(relativeDifference(found, expected)).toBeLessThanOrEqual(1e-6);
    const other = unwrap(
      specializeModel(published(), { ...fixed, inputs: { sr: 8000, state: 0 } }),
    );
    expect(relativeDifference(await run(other, {}), expected)).toBeGreaterThan(1e-3);
  });

  it("[TC45] and the weights of the branch that is taken learn", async () => {
    const model = unwrap(specializeModel(published(), fixed));
    const roles = unwrap(listParameters(model)).map(({ role }) => role);
    expect(roles.sort()).toEqual(["bias", "weight", "weight", "weight"]);
    for (const scope of ["head", "bias", { lastLayers: 2 }, "all"] as const) {
      const { worst } = await modelGradientError(runtime, { model, scope });
      expect(worst).toBeLessThanOrEqual(1e-3);
    }
  });

  it("[TC45] unknown inputs, open sizes and values that do not fit are refused by name", () => {
    const refusal = (what: Parameters<typeof specializeModel>[1]): string => {
      const outcome = specializeModel(published(), what);
      return outcome.ok ? "" : outcome.refusal.message;
    };
    expect(refusal({ inputs: { rate: 1 } })).toContain("x, state, sr");
    expect(refusal({ inputs: { state: 0 } })).toContain("state.1");
    expect(refusal({ ...fixed, inputs: { state: [1, 2], sr: 1 } })).toContain("takes 4 float32");
    expect(refusal({ ...fixed, inputs: { state: 0, sr: 0.5 } })).toContain("takes 1 int64");
  });
});
