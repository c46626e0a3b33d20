// Random cases of matrix products. For tests only.
import fc from "fast-check";
import { float, integer } from "../../src/model/graph/graphEmitter.ts";
import type { GradientCase } from "../gradientCheck.ts";
import { seed, size, small } from "./draws.ts";

const gemm = fc
  .record({
    rows: size(3),
    inner: size(4),
    columns: size(3),
    transA: fc.integer({ min: 0, max: 1 }),
    transB: fc.integer({ min: 0, max: 1 }),
    alpha: fc.constantFrom(1, 0.5),
    beta: fc.constantFrom(1, 2),
    bias: fc.constantFrom("none", "row", "column", "full", "scalar"),
    seed,
  })
  .map(({ rows, inner, columns, transA, transB, alpha, beta, bias, seed: from }): GradientCase => {
    const biasDims = {
      none: [],
      row: [columns],
      column: [rows, 1],
      full: [rows, columns],
      scalar: [],
    };
    return {
      operator: "Gemm",
      inputs: [
        small(transA ? [inner, rows] : [rows, inner], from, 1),
        small(transB ? [columns, inner] : [inner, columns], from + 1, 1),
        ...(bias === "none" ? [] : [small(biasDims[bias], from + 2, 1)]),
      ],
      attributes: {
        transA: integer(transA),
        transB: integer(transB),
        alpha: float(alpha),
        beta: float(beta),
      },
      wanted: bias === "none" ? [0, 1] : [0, 1, 2],
      hasOpenBatch: transA === 0 && bias !== "full" && bias !== "column",
      step: 0.1,
    };
  });

const matMul = fc
  .record({
    batches: fc.array(fc.record({ size: size(2), left: fc.boolean(), right: fc.boolean() }), {
      maxLength: 2,
    }),
    rows: size(3),
    inner: size(3),
    columns: size(3),
    kind: fc.constantFrom("both", "weight", "leftVector", "rightVector", "vectors"),
    seed,
  })
  .map(({ batches, rows, inner, columns, kind, seed: from }): GradientCase => {
    const lead = batches.map((axis) => axis.size);
    const left = batches.map((axis) => (axis.left ? 1 : axis.size));
    const right = batches.map((axis) => (axis.right ? 1 : axis.size));
    const shapes: Record<typeof kind, [number[], number[]]> = {
      both: [
        [...left, rows, inner],
        [...right, inner, columns],
      ],
      weight: [
        [...lead, rows, inner],
        [inner, columns],
      ],
      leftVector: [[inner], [...lead, inner, columns]],
      rightVector: [[...lead, rows, inner], [inner]],
      vectors: [[inner], [inner]],
    };
    const [a, b] = shapes[kind];
    return {
      operator: "MatMul",
      inputs: [small(a, from, 1), small(b, from + 1, 1)],
      wanted: [0, 1],
      hasOpenBatch: kind === "weight" || kind === "rightVector",
      step: 0.1,
    };
  });

/** Equations as exporters and people write them; the first operand's first letter is the batch where it is `b`. */
const einsum = fc
  .record({
    equation: fc.constantFrom(
      "bi,ij->bj",
      "bij,bjk->bik",
      "bhqd,bhkd->bhqk",
      "bi,bj->bij",
      "bij->bji",
      "bij->bj",
      "bi,i->",
      "bij,jk",
      "bi,ij,jk->bk",
      "ij,j->i",
    ),
    sizes: fc.array(size(3), { minLength: 6, maxLength: 6 }),
    seed,
  })
  .map(({ equation, sizes, seed: from }): GradientCase => {
    const operands = (equation.split("->")[0] ?? "").split(",");
    const letters = [...new Set(operands.join(""))];
    const inputs = operands.map((operand, index) =>
      small(
        Array.from(operand, (letter) => sizes[letters.indexOf(letter)] ?? 1),
        from + index,
        1,
      ),
    );
    return {
      operator: "Einsum",
      inputs,
      attributes: { equation: { kind: "text", value: equation } },
      wanted: inputs.map((_, index) => index),
      hasOpenBatch: operands.every((operand, index) => index === 0 || !operand.includes("b")),
      step: 0.1,
    };
  });

/** Cases by operator. */
export const productCases: Readonly<Record<string, readonly fc.Arbitrary<GradientCase>[]>> = {
  Einsum: [einsum],
  Gemm: [gemm],
  MatMul: [matMul],
};
