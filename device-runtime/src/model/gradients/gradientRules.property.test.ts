// Every gradient rule against finite differences, over random shapes and settings.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seed, shape, size, small } from "../../../test/gradientCases/draws.ts";
import { normalizationCases } from "../../../test/gradientCases/normalizationCases.ts";
import { reductionCases } from "../../../test/gradientCases/reductionCases.ts";
import { windowCases } from "../../../test/gradientCases/windowCases.ts";
import {
  type CheckedTensor,
  type GradientCase,
  gradientError,
  spacedValues,
} from "../../../test/gradientCheck.ts";
import { float, integer, integers } from "../graph/graphEmitter.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { gradientRules } from "./gradientRules.ts";

const runtime = await loadNodeOrt();
const TOLERANCE = 1e-3;

const unary = (operator: string, attributes: GradientCase["attributes"] = {}) =>
  fc
    .record({ dims: shape(1, 4), seed })
    .map(({ dims, seed: from }) => ({ operator, attributes, inputs: [spacedValues(dims, from)] }));

const smooth = (operator: string, attributes: GradientCase["attributes"] = {}) =>
  fc
    .record({ dims: shape(1, 4), seed })
    .map(({ dims, seed: from }) => ({ operator, attributes, inputs: [small(dims, from, 1.5)] }));

/** Two shapes that broadcast together: each axis of either may be 1, leading axes of either may be missing. */
const binary = (operator: string) =>
  fc
    .record({
      axes: fc.array(fc.record({ size: size(3), left: fc.boolean(), right: fc.boolean() }), {
        minLength: 1,
        maxLength: 4,
      }),
      drop: fc.integer({ min: 0, max: 3 }),
      swap: fc.boolean(),
      open: fc.boolean(),
      seed,
    })
    .map(({ axes, drop, swap, open, seed: from }): GradientCase => {
      const whole = axes.map((axis) => (axis.left ? 1 : axis.size));
      const part = axes
        .map((axis) => (axis.right ? 1 : axis.size))
        .slice(Math.min(drop, axes.length - 1));
      const [left, right] = swap && part.length > 0 ? [part, whole] : [whole, part];
      const away = (dims: number[], at: number) => {
        const values = small(dims, at, 1);
        // Divisors stay clear of 0.
        return { dims, data: values.data.map((value) => value + Math.sign(value) * 0.7) };
      };
      return {
        operator,
        inputs: [away(left, from), away(right, from + 1)],
        wanted: [0, 1],
        hasOpenBatch:
          open && left.length >= right.length && (right[0] === 1 || right.length < left.length),
      };
    });

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

const axisOperator = (operator: string) =>
  fc
    .record({
      dims: shape(2, 4),
      axis: fc.integer({ min: 1, max: 3 }),
      negative: fc.boolean(),
      seed,
    })
    .map(({ dims, axis, negative, seed: from }): GradientCase => {
      const at = Math.min(axis, dims.length - 1);
      return {
        operator,
        inputs: [small(dims, from, 2)],
        attributes: { axis: integer(negative ? at - dims.length : at) },
      };
    });

const cases: Readonly<Record<string, readonly fc.Arbitrary<GradientCase>[]>> = {
  Add: [binary("Add")],
  Clip: [
    unary("Clip").map(({ inputs }) => ({
      operator: "Clip",
      inputs: [
        ...inputs,
        { dims: [], data: Float32Array.of(-0.4) },
        { dims: [], data: Float32Array.of(0.8) },
      ],
    })),
    unary("Clip").map(({ inputs }) => ({
      operator: "Clip",
      inputs: [...inputs, null, { dims: [], data: Float32Array.of(0.4) }],
    })),
  ],
  Concat: [
    axisOperator("Concat").chain((one) =>
      fc.record({ other: size(3), seed }).map(({ other, seed: from }): GradientCase => {
        const [data] = one.inputs;
        const dims = [...(data as CheckedTensor).dims];
        const axis = one.attributes?.axis;
        const at = axis?.kind === "integer" ? (axis.value + dims.length) % dims.length : 0;
        dims[at] = other;
        return {
          ...one,
          inputs: [...one.inputs, small(dims, from, 1)],
          wanted: [0, 1],
          hasOpenBatch: false,
        };
      }),
    ),
  ],
  Div: [binary("Div")],
  Dropout: [unary("Dropout")],
  Exp: [smooth("Exp")],
  Flatten: [axisOperator("Flatten")],
  Gemm: [gemm],
  Identity: [unary("Identity")],
  LeakyRelu: [unary("LeakyRelu", { alpha: float(0.2) })],
  LogSoftmax: [axisOperator("LogSoftmax")],
  MatMul: [matMul],
  Mul: [binary("Mul")],
  Neg: [unary("Neg")],
  Relu: [unary("Relu")],
  Reshape: [
    fc
      .record({ batch: size(3), a: size(3), b: size(3), seed })
      .map(({ batch, a, b, seed: from }) => ({
        operator: "Reshape",
        inputs: [spacedValues([batch, a, b], from), [0, b * a]],
      })),
  ],
  Sigmoid: [smooth("Sigmoid")],
  Softmax: [axisOperator("Softmax")],
  Sqrt: [
    smooth("Sqrt").map(({ inputs: [data] }) => ({
      operator: "Sqrt",
      inputs: [
        {
          dims: data?.dims ?? [],
          data: (data?.data ?? new Float32Array()).map((value) => 2 + value),
        },
      ],
    })),
  ],
  Squeeze: [
    fc.record({ dims: shape(1, 3), at: size(2), seed }).map(({ dims, at, seed: from }) => {
      const axis = Math.min(at, dims.length);
      return {
        operator: "Squeeze",
        inputs: [spacedValues([...dims.slice(0, axis), 1, ...dims.slice(axis)], from), [axis]],
      };
    }),
  ],
  Sub: [binary("Sub")],
  Tanh: [smooth("Tanh")],
  Transpose: [
    fc
      .record({
        dims: shape(1, 4),
        order: fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
        seed,
      })
      .map(({ dims, order, seed: from }) => ({
        operator: "Transpose",
        inputs: [spacedValues(dims, from)],
        attributes: { perm: integers(order.filter((axis) => axis < dims.length)) },
      })),
  ],
  Unsqueeze: [
    fc.record({ dims: shape(1, 3), at: size(3), seed }).map(({ dims, at, seed: from }) => ({
      operator: "Unsqueeze",
      inputs: [spacedValues(dims, from), [Math.min(at, dims.length), -1]],
    })),
  ],
  ...normalizationCases,
  ...reductionCases,
  ...windowCases,
};

/** The same case as another operator set writes it. */
function inOperatorSet(check: GradientCase, opset: number): GradientCase {
  const { axes, ...attributes } = check.attributes ?? {};
  // Since operator set 18 the axes of a mean are an input.
  return check.operator === "ReduceMean" && opset >= 18 && axes?.kind === "integers"
    ? { ...check, opset, attributes, inputs: [...check.inputs, axes.value] }
    : { ...check, opset };
}

describe("gradients against finite differences", () => {
  it("[TC5] every rule has a case here", () => {
    expect(Object.keys(cases).sort()).toEqual([...gradientRules.keys()].sort());
  });

  for (const [operator, arbitraries] of Object.entries(cases)) {
    it(`[TC5] ${operator}`, async () => {
      for (const arbitrary of arbitraries) {
        await fc.assert(
          fc.asyncProperty(arbitrary, async (check) => {
            expect(await gradientError(runtime, check)).toBeLessThanOrEqual(TOLERANCE);
          }),
          { numRuns: 25, seed: 5 },
        );
        for (const opset of [13, 20, 21]) {
          await fc.assert(
            fc.asyncProperty(arbitrary, async (check) => {
              const own = inOperatorSet(check, opset);
              expect(await gradientError(runtime, own)).toBeLessThanOrEqual(TOLERANCE);
            }),
            { numRuns: 3, seed: opset },
          );
        }
      }
    });
  }
});
