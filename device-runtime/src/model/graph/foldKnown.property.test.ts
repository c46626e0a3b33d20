// Arithmetic that is done ahead against ONNX Runtime, which does it while the model runs: in float32, where exporters compute sizes by factors.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readModelFile, writeModel } from "../onnx/modelFile.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { floatTensor, integerTensor, tensorNumbers } from "../onnx/tensorMessage.ts";
import { writeValue } from "../onnx/valueMessage.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { integer } from "./graphEmitter.ts";
import { loadGraph } from "./loadGraph.ts";

const runtime = await loadNodeOrt();
const COUNT = 48;
const FLOAT = integer(1);
const INT64 = integer(7);

type Written = readonly [operator: string, inputs: readonly string[], attributes?: object];

/** A model that computes whole numbers from the size of its input; the last node gives `y`. */
function sizeModel(nodes: readonly Written[], floats: Readonly<Record<string, number[]>>) {
  return writeModel(17, {
    name: "sizes",
    nodes: nodes.map(
      ([operator, inputs, attributes = {}], at): OnnxNode => ({
        name: "",
        operator,
        domain: "",
        inputs,
        outputs: [at === nodes.length - 1 ? "y" : `v${at}`],
        attributes: new Map(Object.entries(attributes)),
      }),
    ),
    initializers: [
      integerTensor("one", [1], [1]),
      ...Object.entries(floats).map(([name, values]) => floatTensor(name, [values.length], values)),
    ],
    inputs: [writeValue("x", "float32", [1, "size"])],
    outputs: [writeValue("y", "int64", undefined)],
  });
}

/** The size of axis 1 as float32 is `v2`. */
const size: readonly Written[] = [
  ["Shape", ["x"]],
  ["Gather", ["v0", "one"]],
  ["Cast", ["v1"], { to: FLOAT }],
];
/** Whole numbers that tell neighbouring float32 numbers below 2^20 apart, as far as they go. */
const whole = (value: string, at: number): readonly Written[] => [
  ["Mul", [value, "fine"]],
  ["Floor", [`v${at}`]],
  ["Cast", [`v${at + 1}`], { to: INT64 }],
];

async function bothWays(model: Uint8Array, length: number) {
  const graph = loadGraph(readModelFile(model), ["y"], { size: length });
  const tensor = graph.constants.get("y");
  const session = await runtime.load(model);
  const x = { type: "float32" as const, dims: [1, length], data: new Float32Array(length) };
  const { y } = await session.run({ x }, ["y"]);
  await session.release();
  return {
    folded: tensor === undefined ? undefined : Array.from(tensorNumbers(tensor)),
    run: Array.from(y?.data ?? [], Number),
  };
}

const factor = fc.oneof(
  fc.integer({ min: 1, max: 400 }).map((percent) => percent / 100),
  fc.float({ min: Math.fround(0.01), max: 16, noNaN: true }),
);
const factors = fc.array(factor, { minLength: COUNT, maxLength: COUNT });
const length = fc.integer({ min: 1, max: 1200 });

describe("arithmetic that is done ahead", () => {
  it("[TC58] sizes times a factor, rounded, are those that the model computes", async () => {
    const model = (operator: string, values: number[]) =>
      sizeModel(
        [...size, ["Mul", ["v2", "f"]], [operator, ["v3"]], ["Cast", ["v4"], { to: INT64 }]],
        { f: values },
      );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("Floor", "Ceil"),
        factors,
        length,
        async (operator, values, at) => {
          const { folded, run } = await bothWays(model(operator, values), at);
          expect(folded).toEqual(run);
        },
      ),
      { numRuns: 25, seed: 58, examples: [["Floor", [0.7, 0.35, 0.29, 0.58], 10]] },
    );
  });

  for (const operator of ["Add", "Sub", "Mul", "Div"]) {
    it(`[TC58] ${operator} gives the float32 number of the engine`, async () => {
      await fc.assert(
        fc.asyncProperty(factors, length, async (values, at) => {
          const nodes: Written[] = [...size, [operator, ["v2", "f"]], ...whole("v3", 4)];
          const { folded, run } = await bothWays(sizeModel(nodes, { f: values, fine: [4096] }), at);
          expect(folded).toEqual(run);
        }),
        { numRuns: 12, seed: 58 },
      );
    });
  }

  it("[TC58] Sqrt, Range and remainders give the float32 numbers of the engine", async () => {
    const chains: ((values: number[]) => [Written[], Record<string, number[]>])[] = [
      (f) => [[...size, ["Mul", ["v2", "f"]], ["Sqrt", ["v3"]], ...whole("v4", 5)], { f }],
      (f) => [
        [...size, ["Mod", ["v2", "f"], { fmod: integer(1) }], ...whole("v3", 4)],
        { f: f.map((one, at) => (at % 2 === 0 ? one : -one)) },
      ],
      (f) => [
        [
          ...size,
          ["Squeeze", ["start"]],
          ["Squeeze", ["limit"]],
          ["Squeeze", ["step"]],
          ["Range", ["v3", "v4", "v5"]],
          ...whole("v6", 7),
        ],
        { start: [f[0] ?? 1], limit: [(f[0] ?? 1) + 40 * (f[1] ?? 1)], step: [f[1] ?? 1] },
      ],
    ];
    for (const chain of chains) {
      await fc.assert(
        fc.asyncProperty(factors, length, async (values, at) => {
          const [nodes, floats] = chain(values);
          const { folded, run } = await bothWays(sizeModel(nodes, { ...floats, fine: [4096] }), at);
          expect(folded).toEqual(run);
        }),
        { numRuns: 12, seed: 58 },
      );
    }
  });

  it("[TC58] what the order of rounding decides is left to the engine, whole numbers are not", async () => {
    const sums = (operator: string, f: number[]) =>
      sizeModel([...size, [operator, ["f"], { keepdims: integer(0) }], ...whole("v3", 4)], {
        f,
        fine: [1],
      });
    const exact = await bothWays(sums("ReduceProd", [3, 5, 7]), 4);
    expect(exact.folded).toEqual([105]);
    expect(exact.run).toEqual([105]);
    expect((await bothWays(sums("ReduceProd", [0.7, 0.35, 3]), 4)).folded).toBeUndefined();
    await fc.assert(
      fc.asyncProperty(factors, fc.constantFrom(2, 3, 0.5, -1, 1.7), async (values, power) => {
        const nodes: Written[] = [...size, ["Pow", ["f", "p"]], ...whole("v3", 4)];
        const floats = { f: values.map(Math.round), p: [power], fine: [4096] };
        const { folded, run } = await bothWays(sizeModel(nodes, floats), 3);
        expect(folded ?? run).toEqual(run);
        expect(folded === undefined).toBe(power === 1.7 || power === 0.5 || power === -1);
      }),
      { numRuns: 20, seed: 58 },
    );
  });

  it("[TC58] integers beyond what they hold are left to the engine", () => {
    const doubled: Written[] = Array.from({ length: 7 }, (_, at) => [
      "Mul",
      [`v${at + 1}`, `v${at + 1}`],
    ]);
    const model = sizeModel([["Shape", ["x"]], ["Gather", ["v0", "one"]], ...doubled], {});
    const graph = loadGraph(readModelFile(model), ["y"], { size: 10 });
    expect(graph.constants.get("v4")).toBeDefined();
    expect(graph.constants.get("y")).toBeUndefined();
    expect(graph.nodes.length).toBeGreaterThan(0);
  });
});
