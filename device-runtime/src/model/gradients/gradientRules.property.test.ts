// Every gradient rule against finite differences, over random shapes and settings.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
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

const size = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
const seed = fc.integer({ min: 1, max: 1e6 });
const shape = (minRank: number, maxRank: number, max = 4): fc.Arbitrary<number[]> =>
  fc.array(size(max), { minLength: minRank, maxLength: maxRank });

/** Values scaled down, for operators that saturate. */
const small = (dims: readonly number[], from: number, scale: number) => {
  const { data } = spacedValues(dims, from);
  const bound = Math.max(...data.map((value) => Math.abs(value)));
  return { dims, data: data.map((value) => (value / bound) * scale) };
};

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

const reduce = (operator: string) =>
  fc
    .record({
      dims: shape(1, 4),
      picks: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      keepdims: fc.integer({ min: 0, max: 1 }),
      negative: fc.boolean(),
      seed,
    })
    .map(({ dims, picks, keepdims, negative, seed: from }): GradientCase => {
      const axes = dims
        .map((_, axis) => axis)
        .filter((axis) => picks[axis])
        .map((axis) => (negative ? axis - dims.length : axis));
      const chosen = axes.length === 0 ? [dims.length - 1] : axes;
      const opensBatch = !chosen.some((axis) => axis === 0 || axis === -dims.length);
      const common = { operator, hasOpenBatch: opensBatch };
      return operator === "ReduceSum"
        ? {
            ...common,
            inputs: [spacedValues(dims, from), chosen],
            attributes: { keepdims: integer(keepdims) },
          }
        : {
            ...common,
            inputs: [spacedValues(dims, from)],
            attributes: { keepdims: integer(keepdims), axes: integers(chosen) },
          };
    });

interface WindowDraw {
  batch: number;
  channels: number;
  axes: {
    extra: number;
    kernel: number;
    stride: number;
    dilation: number;
    before: number;
    after: number;
  }[];
  seed: number;
}

const windowDraw = (ranks: number, hasDilation: boolean): fc.Arbitrary<WindowDraw> =>
  fc.record({
    batch: size(2),
    channels: size(3),
    axes: fc.array(
      fc.record({
        extra: fc.integer({ min: 0, max: 5 }),
        kernel: size(3),
        stride: size(3),
        dilation: hasDilation ? size(2) : fc.constant(1),
        before: fc.integer({ min: 0, max: 1 }),
        after: fc.integer({ min: 0, max: 1 }),
      }),
      { minLength: 1, maxLength: ranks },
    ),
    seed,
  });

const windowAttributes = ({ axes }: WindowDraw) => ({
  strides: integers(axes.map((axis) => axis.stride)),
  pads: integers([
    ...axes.map((axis) => Math.min(axis.before, axis.kernel - 1)),
    ...axes.map((axis) => Math.min(axis.after, axis.kernel - 1)),
  ]),
});

const sizesOf = ({ axes }: WindowDraw): number[] =>
  axes.map((axis) => (axis.kernel - 1) * axis.dilation + 1 + axis.extra);

const pool = (operator: string) =>
  fc
    .record({ draw: windowDraw(2, operator === "MaxPool"), ceil: fc.boolean(), pads: fc.boolean() })
    .map(
      ({ draw, ceil, pads }): GradientCase => ({
        operator,
        inputs: [spacedValues([draw.batch, draw.channels, ...sizesOf(draw)], draw.seed)],
        attributes: {
          ...windowAttributes(draw),
          kernel_shape: integers(draw.axes.map((axis) => axis.kernel)),
          ceil_mode: integer(ceil ? 1 : 0),
          ...(operator === "MaxPool"
            ? { dilations: integers(draw.axes.map((axis) => axis.dilation)) }
            : { count_include_pad: integer(pads ? 1 : 0) }),
        },
      }),
    );

/** The pools that networks use: windows side by side. */
const sideBySide = (operator: string) =>
  fc
    .record({
      batch: size(3),
      channels: size(3),
      kernel: size(4),
      count: size(4),
      rest: size(3),
      seed,
    })
    .map(
      ({ batch, channels, kernel, count, rest, seed: from }): GradientCase => ({
        operator,
        inputs: [
          spacedValues([batch, channels, kernel * count + Math.min(rest - 1, kernel - 1)], from),
        ],
        attributes: { kernel_shape: integers([kernel]), strides: integers([kernel]) },
      }),
    );

const conv = fc
  .record({ draw: windowDraw(3, true), filters: size(2), groups: size(2), bias: fc.boolean() })
  .map(({ draw, filters, groups, bias }): GradientCase => {
    const weightDims = [filters * groups, draw.channels, ...draw.axes.map((axis) => axis.kernel)];
    return {
      operator: "Conv",
      inputs: [
        small([draw.batch, draw.channels * groups, ...sizesOf(draw)], draw.seed, 1),
        small(weightDims, draw.seed + 1, 1),
        ...(bias ? [small([filters * groups], draw.seed + 2, 1)] : []),
      ],
      attributes: {
        ...windowAttributes(draw),
        dilations: integers(draw.axes.map((axis) => axis.dilation)),
        group: integer(groups),
      },
      wanted: bias ? [0, 1, 2] : [0, 1],
      step: 0.1,
    };
  });

/** The convolutions that networks use on signals: stride 1 and "same" padding. */
const signalConv = fc
  .record({
    batch: size(3),
    channels: size(3),
    filters: size(3),
    half: fc.integer({ min: 0, max: 2 }),
    extra: size(6),
    seed,
  })
  .map(
    ({ batch, channels, filters, half, extra, seed: from }): GradientCase => ({
      operator: "Conv",
      inputs: [
        small([batch, channels, half + extra], from, 1),
        small([filters, channels, 2 * half + 1], from + 1, 1),
        small([filters], from + 2, 1),
      ],
      attributes: { pads: integers([half, half]) },
      wanted: [0, 1, 2],
      step: 0.1,
    }),
  );

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

const batchNormalization = fc
  .record({ batch: size(3), channels: size(3), spatial: shape(0, 2, 3), seed })
  .map(({ batch, channels, spatial, seed: from }): GradientCase => {
    const variance = small([channels], from + 4, 1);
    return {
      operator: "BatchNormalization",
      inputs: [
        small([batch, channels, ...spatial], from, 1),
        small([channels], from + 1, 1),
        small([channels], from + 2, 1),
        small([channels], from + 3, 1),
        { dims: [channels], data: variance.data.map((value) => value * value + 0.5) },
      ],
      attributes: { epsilon: float(1e-3) },
      wanted: [0, 1, 2],
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
  AveragePool: [pool("AveragePool"), sideBySide("AveragePool")],
  BatchNormalization: [batchNormalization],
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
  Conv: [conv, signalConv],
  Div: [binary("Div")],
  Dropout: [unary("Dropout")],
  Exp: [smooth("Exp")],
  Flatten: [axisOperator("Flatten")],
  Gemm: [gemm],
  GlobalAveragePool: [
    fc.record({ dims: shape(3, 4), seed }).map(({ dims, seed: from }) => ({
      operator: "GlobalAveragePool",
      inputs: [spacedValues(dims, from)],
    })),
  ],
  Identity: [unary("Identity")],
  LeakyRelu: [unary("LeakyRelu", { alpha: float(0.2) })],
  LogSoftmax: [axisOperator("LogSoftmax")],
  MatMul: [matMul],
  MaxPool: [pool("MaxPool"), sideBySide("MaxPool")],
  Mul: [binary("Mul")],
  Neg: [unary("Neg")],
  ReduceMean: [reduce("ReduceMean")],
  ReduceSum: [reduce("ReduceSum")],
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
