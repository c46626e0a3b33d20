// Random cases of operators that work element by element. For tests only.
import fc from "fast-check";
import { float } from "../../src/model/graph/graphEmitter.ts";
import { type CheckedTensor, type GradientCase, spacedValues } from "../gradientCheck.ts";
import { seed, shape, size, small } from "./draws.ts";

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

/** The values of a case's data, changed. */
const changed = (
  cases: fc.Arbitrary<GradientCase>,
  change: (value: number) => number,
): fc.Arbitrary<GradientCase> =>
  cases.map((one) => {
    const [data, ...others] = one.inputs as readonly CheckedTensor[];
    const { dims = [], data: values = new Float32Array() } = data ?? {};
    return { ...one, inputs: [{ dims, data: values.map(change) }, ...others] };
  });

/** Three or four operands that broadcast; no two of their elements are equal. */
const many = (operator: string) =>
  fc
    .record({ dims: shape(2, 3, 3), count: fc.integer({ min: 1, max: 4 }), seed })
    .map(({ dims, count, seed: from }): GradientCase => {
      const total = dims.reduce((product, dim) => product * dim, 1) * count;
      const all = spacedValues([total], from).data;
      const inputs = Array.from({ length: count }, (_, index) => {
        // The operand `index` has size 1 along one axis.
        const own = dims.map((dim, at) => (index > 0 && at === index % dims.length ? 1 : dim));
        const length = own.reduce((product, dim) => product * dim, 1);
        const start = (index * total) / count;
        return { dims: own, data: all.slice(start, start + length) };
      });
      return {
        operator,
        inputs,
        wanted: inputs.map((_, index) => index),
        hasOpenBatch: false,
      };
    });

const where = fc
  .record({
    dims: shape(2, 4, 3),
    pick: fc.array(fc.boolean(), { minLength: 81, maxLength: 81 }),
    seed,
  })
  .map(({ dims, pick, seed: from }): GradientCase => {
    const [, ...rest] = dims;
    const count = rest.reduce((product, dim) => product * dim, 1);
    return {
      operator: "Where",
      inputs: [
        {
          dims: rest,
          type: "bool",
          elements: pick.slice(0, count).map(Number),
        },
        spacedValues(dims, from),
        spacedValues(rest, from + 1),
      ],
      wanted: [1, 2],
    };
  });

/** A slope for each channel, or one for all. */
const pRelu = fc
  .record({ dims: shape(2, 4), isShared: fc.boolean(), seed })
  .map(({ dims, isShared, seed: from }): GradientCase => {
    const slopes = isShared ? [1] : [dims[1] ?? 1, ...dims.slice(2).map(() => 1)];
    return {
      operator: "PRelu",
      inputs: [spacedValues(dims, from), small(slopes, from + 1, 0.5)],
      wanted: [0, 1],
    };
  });

const pow = [
  ...[2, 3, 0.5, 1, -1.5].map((exponent) =>
    changed(smooth("Pow"), (value) => Math.abs(value) + 1).map((one) => ({
      ...one,
      inputs: [...one.inputs, { dims: [], data: Float32Array.of(exponent) }],
    })),
  ),
  changed(smooth("Pow"), (value) => value + Math.sign(value) * 0.4).map((one) => ({
    ...one,
    inputs: [...one.inputs, { dims: [], type: "int64" as const, elements: [3] }],
  })),
  // As many integers as the last axis is long.
  changed(smooth("Pow"), (value) => value + Math.sign(value) * 0.4).map((one): GradientCase => {
    const [data] = one.inputs as readonly CheckedTensor[];
    const count = data?.dims.at(-1) ?? 1;
    const elements = Array.from({ length: count }, (_, at) => (at % 3) + 1);
    return {
      ...one,
      inputs: [...one.inputs, { dims: [count], type: "int64", elements }],
      hasOpenBatch: false,
    };
  }),
  binary("Pow").map((one): GradientCase => {
    const [base, exponent] = one.inputs as readonly CheckedTensor[];
    if (base === undefined || exponent === undefined) return one;
    return { ...one, inputs: [{ dims: base.dims, data: base.data.map(Math.abs) }, exponent] };
  }),
];

/** Cases by operator. */
export const elementwiseCases: Readonly<Record<string, readonly fc.Arbitrary<GradientCase>[]>> = {
  Abs: [unary("Abs")],
  Acos: [changed(smooth("Acos"), (value) => value / 2)],
  Acosh: [changed(smooth("Acosh"), (value) => value + 3)],
  Add: [binary("Add")],
  Asin: [changed(smooth("Asin"), (value) => value / 2)],
  Asinh: [smooth("Asinh")],
  Atan: [smooth("Atan")],
  Atanh: [changed(smooth("Atanh"), (value) => value / 3)],
  Cast: [unary("Cast", { to: { kind: "integer", value: 1 } })],
  Ceil: [changed(unary("Ceil"), (value) => value + 0.04)],
  Celu: [unary("Celu", { alpha: float(0.7) }), unary("Celu")],
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
  Cos: [smooth("Cos")],
  Cosh: [smooth("Cosh")],
  Div: [binary("Div")],
  Dropout: [unary("Dropout")],
  Elu: [unary("Elu", { alpha: float(0.7) })],
  Erf: [smooth("Erf")],
  Exp: [smooth("Exp")],
  Floor: [changed(unary("Floor"), (value) => value + 0.04)],
  Gelu: [smooth("Gelu"), smooth("Gelu", { approximate: { kind: "text", value: "tanh" } })],
  HardSigmoid: [
    changed(unary("HardSigmoid"), (value) => value * 3),
    unary("HardSigmoid", { alpha: float(1 / 6) }),
  ],
  HardSwish: [changed(unary("HardSwish"), (value) => value * 2 + 0.1)],
  Identity: [unary("Identity")],
  LeakyRelu: [unary("LeakyRelu", { alpha: float(0.2) })],
  Log: [changed(smooth("Log"), (value) => value + 2)],
  Max: [many("Max")],
  Mean: [many("Mean")],
  Min: [many("Min")],
  Mish: [smooth("Mish")],
  Mul: [binary("Mul")],
  Neg: [unary("Neg")],
  PRelu: [pRelu],
  Pow: pow,
  Reciprocal: [changed(smooth("Reciprocal"), (value) => value + Math.sign(value))],
  Relu: [unary("Relu")],
  Round: [changed(unary("Round"), (value) => value + 0.04)],
  Selu: [unary("Selu"), unary("Selu", { alpha: float(1.2), gamma: float(0.9) })],
  Sigmoid: [smooth("Sigmoid")],
  Sign: [unary("Sign")],
  Sin: [smooth("Sin")],
  Sinh: [smooth("Sinh")],
  Softplus: [smooth("Softplus")],
  Softsign: [unary("Softsign")],
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
  Sub: [binary("Sub")],
  Sum: [many("Sum")],
  Tan: [changed(smooth("Tan"), (value) => value / 2)],
  Tanh: [smooth("Tanh")],
  ThresholdedRelu: [
    changed(unary("ThresholdedRelu", { alpha: float(0.5) }), (value) => value + 0.04),
  ],
  Where: [where],
};
