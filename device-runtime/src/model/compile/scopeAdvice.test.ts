// What a refusal says of other scopes.
import { expect, it } from "vitest";
import { createModelWriter } from "../../../test/modelWriter.ts";
import { exposeParameters } from "../parameters/exposeParameters.ts";
import type { ParameterScope } from "../parameters/parameterScope.ts";
import { compileTraining } from "./compileTraining.ts";

const train = (model: Uint8Array, scope: ParameterScope) =>
  compileTraining(model, {
    scope,
    loss: { kind: "meanSquaredError" },
    optimizer: { kind: "sgd" },
  });
const refusal = (model: Uint8Array, scope: ParameterScope): string => {
  const outcome = train(model, scope);
  return outcome.ok ? "" : outcome.refusal.message;
};

/** Five layers; behind the second the largest elements are picked, through which nothing goes back. */
function picky(lastScale = false): Uint8Array {
  const write = createModelWriter(17, ["n", 6]);
  const dense = (value: string, index: number, from: number, to: number): string =>
    write.node("Tanh", [
      write.node("Gemm", [
        value,
        write.weight(`w${index}`, [from, to]),
        write.weight(`b${index}`, [to]),
      ]),
    ]);
  const early = dense(dense("x", 1, 6, 6), 2, 6, 6);
  write.nodeOf("TopK", [early, write.integers("k", [1], [4])], ["largest", ""]);
  const late = dense(dense("largest", 3, 4, 5), 4, 5, 5);
  const last = write.node("Gemm", [late, write.weight("w5", [5, 2]), write.weight("b5", [2])]);
  if (!lastScale) return write.finish(last);
  write.nodeOf("TopK", [last, write.integers("k2", [1], [1])], ["top", ""]);
  return write.finish("top");
}

it("[TC41] a refusal names the node, the operator and the widest scopes that avoid it", () => {
  const message = refusal(picky(), "all");
  expect(message).toContain('TopK node "TopK_4"');
  expect(message).toContain('scopes that avoid it: "head", {"lastLayers":3}');
  expect(train(picky(), "head").ok).toBe(true);
  expect(train(picky(), { lastLayers: 3 }).ok).toBe(true);
  expect(refusal(picky(), { lastLayers: 4 })).toContain('{"lastLayers":3}');
});

it("[TC41] a refusal says so where no scope avoids the operator", () => {
  expect(refusal(picky(true), "head")).toContain("no scope of this model avoids it");
});

it("[TC41] a scope that would pass over a weight in another form is refused, and says how to see it", () => {
  const write = createModelWriter(13, ["n", 2]);
  const hidden = write.node("Gemm", ["x", write.weight("w1", [2, 2])]);
  const half = write.tensor({
    name: "w2",
    type: "float16",
    dims: [2, 2],
    bytes: new Uint8Array(Uint16Array.of(0x3c00, 0xb800, 0x3400, 0x4000).buffer),
  });
  const wide = write.node("Cast", [half], { to: { kind: "integer", value: 1 } });
  const model = write.finish(write.node("MatMul", [hidden, wide]));
  for (const scope of ["head", "all", { lastLayers: 1 }] as const) {
    expect(refusal(model, scope)).toContain("exposeParameters");
  }
  expect(train(model, { names: ["w1"] }).ok).toBe(true);
  const exposed = exposeParameters(model);
  expect(exposed.ok && train(exposed.value, { lastLayers: 2 }).ok).toBe(true);
});

it("[TC41] what computes in float16 on the way is named, and trained behind", () => {
  const write = createModelWriter(17, ["n", 2]);
  const to = (value: number) => ({ to: { kind: "integer", value } }) as const;
  const early = write.node("MatMul", ["x", write.weight("w1", [2, 2])]);
  const narrow = write.node("Exp", [write.node("Cast", [early], to(10))]);
  const wide = write.node("Cast", [narrow], to(1));
  const model = write.finish(write.node("MatMul", [wide, write.weight("w2", [2, 2])]));
  expect(refusal(model, "all")).toMatch(/Exp node .* computes in float16.*avoid it: "head"/);
  expect(train(model, "head").ok).toBe(true);
});
