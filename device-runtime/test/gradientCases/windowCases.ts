// Random cases of convolutions and pools. For tests only.
import fc from "fast-check";
import { type EmittedAttributes, integer, integers } from "../../src/model/graph/graphEmitter.ts";
import { type GradientCase, spacedValues } from "../gradientCheck.ts";
import { awayFromZero, seed, shape, size, small } from "./draws.ts";

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

const windowAttributes = ({ axes }: WindowDraw) =>
  ({
    strides: integers(axes.map((axis) => axis.stride)),
    pads: integers([
      ...axes.map((axis) => Math.min(axis.before, axis.kernel - 1)),
      ...axes.map((axis) => Math.min(axis.after, axis.kernel - 1)),
    ]),
  }) as const;

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

/** Pools whose padding the engine works out by itself. */
const paddedPool = (operator: string) =>
  fc
    .record({
      draw: windowDraw(2, false),
      padding: fc.constantFrom("SAME_UPPER", "SAME_LOWER", "VALID"),
    })
    .map(
      ({ draw, padding }): GradientCase => ({
        operator,
        inputs: [spacedValues([draw.batch, draw.channels, ...sizesOf(draw)], draw.seed)],
        attributes: {
          auto_pad: { kind: "text", value: padding },
          kernel_shape: integers(draw.axes.map((axis) => axis.kernel)),
          // The engine refuses the negative padding of strides that leave elements out.
          strides: integers(draw.axes.map((axis) => Math.min(axis.stride, axis.kernel))),
        },
      }),
    );

/** Average pools with gaps in their windows, which operator set 19 brought. */
const dilatedPool = windowDraw(2, true).map(
  (draw): GradientCase => ({
    operator: "AveragePool",
    opset: 19,
    inputs: [spacedValues([draw.batch, draw.channels, ...sizesOf(draw)], draw.seed)],
    attributes: {
      ...windowAttributes(draw),
      dilations: integers(draw.axes.map((axis) => axis.dilation)),
      kernel_shape: integers(draw.axes.map((axis) => axis.kernel)),
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

/** Weight and data of a convolution over these windows. */
const convolved = (draw: WindowDraw, filters: number, groups: number) => ({
  data: small([draw.batch, draw.channels * groups, ...sizesOf(draw)], draw.seed, 1),
  weight: small(
    [filters * groups, draw.channels, ...draw.axes.map((axis) => axis.kernel)],
    draw.seed + 1,
    1,
  ),
  bias: small([filters * groups], draw.seed + 2, 1),
});

const autoPad = fc.constantFrom("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID");

const conv = fc
  .record({
    draw: windowDraw(3, true),
    filters: size(2),
    groups: size(3),
    isDepthwise: fc.boolean(),
    bias: fc.boolean(),
    padding: fc.oneof({ weight: 3, arbitrary: fc.constant("NOTSET") }, autoPad),
  })
  .map(({ draw: drawn, filters, groups, isDepthwise, bias, padding }): GradientCase => {
    const draw = isDepthwise ? { ...drawn, channels: 1 } : drawn;
    const tensors = convolved(draw, filters, groups);
    const { strides, pads } = windowAttributes(draw);
    // The engine takes no dilations with automatic padding.
    const dilations = draw.axes.map((axis) => (padding.startsWith("SAME") ? 1 : axis.dilation));
    return {
      operator: "Conv",
      inputs: [tensors.data, tensors.weight, ...(bias ? [tensors.bias] : [])],
      attributes: {
        strides,
        ...(padding === "NOTSET" ? { pads } : { auto_pad: { kind: "text", value: padding } }),
        dilations: integers(dilations),
        group: integer(groups),
      },
      wanted: bias ? [0, 1, 2] : [0, 1],
      step: 0.1,
    };
  });

const convTranspose = fc
  .record({
    draw: windowDraw(3, true),
    filters: size(2),
    groups: size(2),
    bias: fc.boolean(),
    beyond: fc.array(size(3), { minLength: 3, maxLength: 3 }),
    padding: fc.constantFrom("pads", "pads", "asked", "SAME_UPPER", "SAME_LOWER", "VALID"),
  })
  .map(({ draw, filters, groups, bias, beyond, padding }): GradientCase => {
    const kernel = draw.axes.map((axis) => axis.kernel);
    const sizes = draw.axes.map((axis) => 1 + axis.extra);
    const { strides, pads } = windowAttributes(draw);
    const outputPadding = draw.axes.map((axis, at) => (beyond[at] ?? 1) % axis.stride);
    const whole = draw.axes.map(
      (axis, at) =>
        axis.extra * axis.stride + (axis.kernel - 1) * axis.dilation + 1 + (outputPadding[at] ?? 0),
    );
    // What padding takes away must leave something.
    const fits = whole.every((one) => one > 2);
    return {
      operator: "ConvTranspose",
      inputs: [
        small([draw.batch, draw.channels * groups, ...sizes], draw.seed, 1),
        small([draw.channels * groups, filters, ...kernel], draw.seed + 1, 1),
        ...(bias ? [small([filters * groups], draw.seed + 2, 1)] : []),
      ],
      attributes: {
        strides,
        dilations: integers(draw.axes.map((axis) => axis.dilation)),
        group: integer(groups),
        output_padding: integers(outputPadding),
        ...(padding === "pads" && fits ? { pads } : {}),
        ...(padding === "asked"
          ? {
              output_shape: integers(
                whole.map((one, at) => Math.max(1, one - (beyond[at] ?? 1) + 1)),
              ),
            }
          : {}),
        ...(padding === "pads" || padding === "asked"
          ? {}
          : { auto_pad: { kind: "text", value: padding } }),
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

/** How exporters write a convolution over one axis: alone, as rows of an image, or as an image of width 1. */
const lines: Readonly<Record<string, (length: number, other: number) => number[]>> = {
  alone: (length) => [length],
  rows: (length, other) => [other, length],
  column: (length) => [length, 1],
};

/** Convolutions over one axis that is long enough for tiles, with kernels of any size and padding on either side. */
const longConv = fc
  .record({
    batch: size(3),
    channels: size(3),
    filters: size(3),
    kernel: fc.integer({ min: 2, max: 8 }),
    before: fc.integer({ min: 0, max: 9 }),
    after: fc.integer({ min: 0, max: 9 }),
    extra: fc.integer({ min: 3, max: 14 }),
    bias: fc.boolean(),
    line: fc.constantFrom("alone", "alone", "rows", "column"),
    seed,
  })
  .map(({ batch, channels, filters, kernel, before, after, extra, bias, line, seed: from }) => {
    const axes = lines[line] ?? (() => []);
    // Paddings may reach further than the kernel: then a tile may see nothing of the data.
    const length = Math.max(1, extra + kernel - 1 - before);
    const inputs = [
      small([batch, channels, ...axes(length, 2)], from, 1),
      small([filters, channels, ...axes(kernel, 1)], from + 1, 1),
      ...(bias ? [small([filters], from + 2, 1)] : []),
    ];
    const padsOf = (pad: number): number[] => axes(-1, 0).map((one) => (one === -1 ? pad : 0));
    return {
      operator: "Conv",
      inputs,
      attributes: { pads: integers([...padsOf(before), ...padsOf(after)]) },
      wanted: inputs.map((_, index) => index),
      step: 0.1,
    } satisfies GradientCase;
  });

const globalPool = (operator: string, attributes: EmittedAttributes = {}) =>
  fc.record({ dims: shape(3, 4), seed }).map(
    ({ dims, seed: from }): GradientCase => ({
      operator,
      attributes,
      inputs: [operator === "GlobalLpPool" ? awayFromZero(dims, from) : spacedValues(dims, from)],
    }),
  );

const lpPool = (power: number) =>
  windowDraw(2, false).map(
    (draw): GradientCase => ({
      operator: "LpPool",
      inputs: [awayFromZero([draw.batch, draw.channels, ...sizesOf(draw)], draw.seed)],
      attributes: {
        ...windowAttributes(draw),
        kernel_shape: integers(draw.axes.map((axis) => axis.kernel)),
        p: integer(power),
      },
    }),
  );

/** Cases by operator. */
export const windowCases: Readonly<Record<string, readonly fc.Arbitrary<GradientCase>[]>> = {
  AveragePool: [
    pool("AveragePool"),
    sideBySide("AveragePool"),
    paddedPool("AveragePool"),
    dilatedPool,
  ],
  Conv: [conv, signalConv, longConv],
  ConvTranspose: [convTranspose],
  GlobalAveragePool: [globalPool("GlobalAveragePool")],
  GlobalLpPool: [globalPool("GlobalLpPool"), globalPool("GlobalLpPool", { p: integer(3) })],
  GlobalMaxPool: [globalPool("GlobalMaxPool")],
  LpPool: [lpPool(1), lpPool(2), lpPool(3)],
  MaxPool: [pool("MaxPool"), sideBySide("MaxPool"), paddedPool("MaxPool")],
};
