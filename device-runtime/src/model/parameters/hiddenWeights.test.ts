// Scopes that count layers see every layer, or say which they do not.
import { describe, expect, it } from "vitest";
import { createModelWriter, type ModelWriter } from "../../../test/modelWriter.ts";
import { compileTraining } from "../compile/compileTraining.ts";
import { integer, integers } from "../graph/graphEmitter.ts";
import type { ParameterScope } from "./parameterScope.ts";

const text = (value: string) => ({ kind: "text", value }) as const;

/** A dense layer, and a second one whose product `make` writes. */
function modelOf(make: (write: ModelWriter, hidden: string) => string): Uint8Array {
  const write = createModelWriter(17, ["n", 4]);
  const dense = write.node("Gemm", ["x", write.weight("w0", [4, 4]), write.weight("b0", [4])]);
  return write.finish(make(write, write.node("Relu", [dense])));
}

const trained = (model: Uint8Array, scope: ParameterScope): string => {
  const compiled = compileTraining(model, {
    scope,
    loss: { kind: "meanSquaredError" },
    optimizer: { kind: "sgd" },
  });
  return compiled.ok
    ? compiled.value.parameters.map(({ name }) => name).join()
    : `${compiled.refusal.code}: ${compiled.refusal.message}`;
};

const times = (write: ModelWriter, name: string): string =>
  write.node("Mul", [write.weight(name, [4, 3]), write.floats("half", [], [0.5])]);

describe("a layer whose weight the model computes", () => {
  const models: Record<string, [Uint8Array, string]> = {
    Mul: [modelOf((write, hidden) => write.node("MatMul", [hidden, times(write, "w1")])), "w1"],
    Cast: [
      modelOf((write, hidden) =>
        write.node("MatMul", [
          hidden,
          write.node("Cast", [write.weight("w1", [4, 3])], { to: integer(1) }),
        ]),
      ),
      "w1",
    ],
    "weight normalisation": [
      modelOf((write, hidden) => {
        const direction = write.weight("v", [4, 3]);
        const length = write.node("ReduceL2", [direction], { axes: integers([0]) });
        const unit = write.node("Div", [direction, length]);
        return write.node("MatMul", [hidden, write.node("Mul", [unit, write.weight("g", [1, 3])])]);
      }),
      "v, g",
    ],
    Concat: [
      modelOf((write, hidden) =>
        write.node("MatMul", [
          hidden,
          write.node("Concat", [write.weight("w1", [4, 2]), write.weight("w2", [4, 1])], {
            axis: integer(1),
          }),
        ]),
      ),
      "w1, w2",
    ],
    Expand: [
      modelOf((write, hidden) =>
        write.node("MatMul", [
          hidden,
          write.node("Expand", [write.weight("w1", [4, 1]), write.integers("size", [2], [4, 3])]),
        ]),
      ),
      "w1",
    ],
    "a product of two": [
      modelOf((write, hidden) =>
        write.node("MatMul", [
          hidden,
          write.node("MatMul", [write.weight("wa", [4, 2]), write.weight("wb", [2, 3])]),
        ]),
      ),
      "wa, wb",
    ],
    "Einsum of three": [
      modelOf((write, hidden) =>
        write.node("Einsum", [hidden, write.weight("wa", [4, 2]), write.weight("wb", [2, 3])], {
          equation: text("bi,ij,jk->bk"),
        }),
      ),
      "wa",
    ],
    "a convolution": [
      modelOf((write, hidden) =>
        write.node("Flatten", [
          write.node("Conv", [
            write.node("Reshape", [hidden, write.integers("rows", [3], [-1, 1, 4])]),
            write.node("Mul", [
              write.weight("k", [2, 1, 3]),
              write.floats("scale", [2, 1, 1], [1, 2]),
            ]),
          ]),
        ]),
      ),
      "k, scale",
    ],
    "a computed bias": [
      modelOf((write, hidden) =>
        write.node("Gemm", [
          hidden,
          write.weight("w1", [4, 3]),
          write.node("Add", [write.weight("b1", [3]), write.weight("b2", [3])]),
        ]),
      ),
      "b1, b2",
    ],
  };

  for (const [name, [model, made]] of Object.entries(models)) {
    it(`[TC41] is never passed over: ${name}`, () => {
      for (const scope of ["head", "all", { lastLayers: 1 }] as const) {
        expect(trained(model, scope)).toMatch(
          new RegExp(
            `^model.parameter_unknown: \\w+ node ".*" takes as a weight what is made of ${made}, so scope .* folded, or name the parameters to train$`,
          ),
        );
      }
      expect(trained(model, { names: ["w0"] })).toBe("w0");
    });
  }

  it("[TC41] does not matter in front of the scope", () => {
    const model = modelOf((write, hidden) => {
      const first = write.node("MatMul", [hidden, times(write, "w1")]);
      return write.node("MatMul", [first, write.weight("w2", [3, 2])]);
    });
    expect(trained(model, "head")).toBe("w2");
    expect(trained(model, { lastLayers: 2 })).toContain("made of w1");
  });

  it("[TC41] is none where it is made of numbers, shapes, or of what the scope has", () => {
    const sizes = modelOf((write, hidden) => {
      const ones = write.node("ConstantOfShape", [
        write.node("Shape", [write.weight("pattern", [4, 3])]),
      ]);
      return write.node("MatMul", [
        write.node("MatMul", [hidden, ones]),
        write.weight("w1", [3, 2]),
      ]);
    });
    expect(trained(sizes, "all")).toBe("b0,w0,w1");
    const tied = modelOf((write, hidden) => {
      const weight = write.weight("w1", [4, 4]);
      const first = write.node("MatMul", [hidden, weight]);
      return write.node("MatMul", [
        first,
        write.node("Mul", [weight, write.floats("half", [], [0.5])]),
      ]);
    });
    expect(trained(tied, "all")).toBe("b0,w0,w1");
  });
});
