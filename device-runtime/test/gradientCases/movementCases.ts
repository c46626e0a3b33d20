// Random cases of operators that move, repeat and pick elements. For tests only.
import fc from "fast-check";
import { integer, integers } from "../../src/model/graph/graphEmitter.ts";
import { sliceSpan } from "../../src/model/graph/shapes/rearrange.ts";
import { type CheckedTensor, type GradientCase, spacedValues } from "../gradientCheck.ts";
import { seed, shape, size, small } from "./draws.ts";

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

/** Data of two to four axes, and one of its later axes. */
const onAxis = fc
  .record({
    dims: shape(2, 4),
    axis: fc.integer({ min: 1, max: 3 }),
    isNegative: fc.boolean(),
    seed,
  })
  .map(({ dims, axis, isNegative, seed: from }) => {
    const at = Math.min(axis, dims.length - 1);
    return { dims, at, named: isNegative ? at - dims.length : at, from };
  });

const slice = onAxis.chain(({ dims, at, named, from }) =>
  fc
    .record({
      start: fc.integer({ min: -9, max: 9 }),
      end: fc.integer({ min: -9, max: 9 }),
      step: fc.constantFrom(1, 2, 3, -1, -2, -3),
      extra: size(5),
      hasSecond: fc.boolean(),
    })
    .map(({ start, end, step, extra, hasSecond }): GradientCase => {
      const long = dims.map((dim, axis) => (axis === at ? dim + extra : dim));
      const length = long[at] ?? 1;
      // At least one element: the whole axis where the draw takes none.
      const taken = sliceSpan(length, start, end, step).count;
      const far = 99;
      const [from0, to0] = taken > 0 ? [start, end] : step > 0 ? [0, far] : [-1, -far];
      const other = at === 1 ? dims.length - 1 : 1;
      const both = hasSecond && other !== at;
      return {
        operator: "Slice",
        inputs: [
          spacedValues(long, from),
          both ? [from0, 0] : [from0],
          both ? [to0, 1] : [to0],
          both ? [named, other] : [named],
          both ? [step, 1] : [step],
        ],
      };
    }),
);

const pad = (mode: string) =>
  onAxis.chain(({ dims, at, from }) =>
    fc
      .record({ before: fc.integer({ min: 0, max: 3 }), behind: fc.integer({ min: 0, max: 3 }) })
      .map(({ before, behind }): GradientCase => {
        const long = dims.map((dim, axis) => (axis === at ? dim + 3 : dim));
        const pads = [before, behind].flatMap((amount) =>
          dims.map((_, axis) => (axis === at ? amount : 0)),
        );
        return {
          operator: "Pad",
          inputs: [spacedValues(long, from), pads],
          attributes: { mode: { kind: "text", value: mode } },
        };
      }),
  );

/** Constant padding of several axes, negative on one. */
const crop = fc.record({ rows: size(3), columns: size(3), seed }).map(
  ({ rows, columns, seed: from }): GradientCase => ({
    operator: "Pad",
    inputs: [spacedValues([2, rows + 2, columns], from), [0, -1, 2, 0, 1, 0]],
  }),
);

const gather = onAxis.chain(({ dims, at, named, from }) =>
  fc
    .record({
      picks: fc.array(fc.integer({ min: -12, max: 11 }), { minLength: 1, maxLength: 6 }),
      kind: fc.constantFrom("scalar", "vector", "matrix"),
    })
    .map(({ picks, kind }): GradientCase => {
      const rows = dims[at] ?? 1;
      const elements = picks.map((pick) => (pick < 0 ? -((-pick - 1) % rows) - 1 : pick % rows));
      const count = elements.length;
      const shapes = { scalar: [], vector: [count], matrix: [1, count] };
      return {
        operator: "Gather",
        inputs: [
          spacedValues(dims, from),
          {
            dims: shapes[kind],
            type: "int64",
            elements: kind === "scalar" ? elements.slice(0, 1) : elements,
          },
        ],
        attributes: { axis: integer(named) },
      };
    }),
);

/** A table of word vectors, small enough for a product, or not. */
const table = fc
  .record({
    rows: fc.constantFrom(3, 5, 600),
    width: size(2),
    picks: fc.array(fc.nat(2), { minLength: 1, maxLength: 6 }),
    type: fc.constantFrom("int64" as const, "int32" as const),
    seed,
  })
  .map(
    ({ rows, width, picks, type, seed: from }): GradientCase => ({
      operator: "Gather",
      inputs: [
        spacedValues([rows, width], from),
        { dims: [1, picks.length], type, elements: picks },
      ],
      hasOpenBatch: false,
    }),
  );

const gatherElements = onAxis.chain(({ dims, at, named, from }) =>
  fc
    .record({ picks: fc.array(fc.nat(11), { minLength: 256, maxLength: 256 }), taken: size(4) })
    .map(({ picks, taken }): GradientCase => {
      const own = dims.map((dim, axis) => (axis === at ? taken : dim));
      const count = own.reduce((product, dim) => product * dim, 1);
      return {
        operator: "GatherElements",
        inputs: [
          spacedValues(dims, from),
          {
            dims: own,
            type: "int64",
            elements: picks.slice(0, count).map((pick) => pick % (dims[at] ?? 1)),
          },
        ],
        attributes: { axis: integer(named) },
        hasOpenBatch: false,
      };
    }),
);

const places = fc.array(fc.tuple(fc.nat(11), fc.nat(11)), { minLength: 1, maxLength: 4 });

const gatherNd = fc.record({ rows: size(3), columns: size(3), width: size(2), places, seed }).map(
  ({ rows, columns, width, places: picked, seed: from }): GradientCase => ({
    operator: "GatherND",
    inputs: [
      spacedValues([rows, columns, width], from),
      {
        dims: [picked.length, 2],
        type: "int64",
        elements: picked.flatMap(([row, column]) => [row % rows, column % columns]),
      },
    ],
    hasOpenBatch: false,
  }),
);

/** Rows overwritten, each at most once, or added to. */
const scatterNd = fc
  .record({ rows: size(4), width: size(3), count: size(4), adds: fc.boolean(), seed })
  .map(({ rows, width, count, adds, seed: from }): GradientCase => {
    const written = Math.min(rows, count);
    return {
      operator: "ScatterND",
      inputs: [
        spacedValues([rows, width], from),
        {
          dims: [written, 1],
          type: "int64",
          elements: Array.from({ length: written }, (_, row) => (adds ? 0 : rows - 1 - row)),
        },
        spacedValues([written, width], from + 1),
      ],
      attributes: adds ? { reduction: { kind: "text", value: "add" } } : {},
      wanted: [0, 2],
      hasOpenBatch: false,
    };
  });

/** Single elements of an axis overwritten, or added to. */
const scatterElements = onAxis.chain(({ dims, at, named, from }) =>
  fc.record({ place: fc.nat(3), adds: fc.boolean() }).map(({ place, adds }): GradientCase => {
    const own = dims.map((dim, axis) => (axis === at ? 1 : dim));
    const count = own.reduce((product, dim) => product * dim, 1);
    return {
      operator: "ScatterElements",
      inputs: [
        spacedValues(dims, from),
        {
          dims: own,
          type: "int64",
          elements: Array.from({ length: count }, (_, one) => (place + one) % (dims[at] ?? 1)),
        },
        spacedValues(own, from + 1),
      ],
      attributes: {
        axis: integer(named),
        ...(adds ? { reduction: { kind: "text", value: "add" } as const } : {}),
      },
      wanted: [0, 2],
      hasOpenBatch: false,
    };
  }),
);

const expand = fc
  .record({
    axes: fc.array(fc.record({ size: size(3), isOne: fc.boolean() }), {
      minLength: 1,
      maxLength: 3,
    }),
    lead: size(3),
    seed,
  })
  .map(
    ({ axes, lead, seed: from }): GradientCase => ({
      operator: "Expand",
      inputs: [
        spacedValues(
          axes.map((axis) => (axis.isOne ? 1 : axis.size)),
          from,
        ),
        [lead, ...axes.map((axis) => axis.size)],
      ],
      hasOpenBatch: false,
    }),
  );

const tile = fc
  .record({
    dims: shape(1, 3, 3),
    repeats: fc.array(size(3), { minLength: 3, maxLength: 3 }),
    seed,
  })
  .map(
    ({ dims, repeats, seed: from }): GradientCase => ({
      operator: "Tile",
      inputs: [spacedValues(dims, from), repeats.slice(0, dims.length)],
    }),
  );

const blocks = (operator: string, mode?: string) =>
  fc
    .record({
      batch: size(2),
      channels: size(2),
      rows: size(2),
      columns: size(2),
      block: size(3),
      seed,
    })
    .map(
      ({ batch, channels, rows, columns, block, seed: from }): GradientCase => ({
        operator,
        inputs: [
          spacedValues(
            operator === "DepthToSpace"
              ? [batch, channels * block * block, rows, columns]
              : [batch, channels, rows * block, columns * block],
            from,
          ),
        ],
        attributes: {
          blocksize: integer(block),
          ...(mode === undefined ? {} : { mode: { kind: "text", value: mode } as const }),
        },
      }),
    );

const cumSum = onAxis.chain(({ dims, named, from }) =>
  fc.record({ exclusive: fc.nat(1), reverse: fc.nat(1) }).map(
    ({ exclusive, reverse }): GradientCase => ({
      operator: "CumSum",
      inputs: [spacedValues(dims, from), { dims: [], type: "int64", elements: [named] }],
      attributes: { exclusive: integer(exclusive), reverse: integer(reverse) },
    }),
  ),
);

const trilu = fc
  .record({ dims: shape(2, 4), diagonal: fc.integer({ min: -2, max: 2 }), upper: fc.nat(1), seed })
  .map(
    ({ dims, diagonal, upper, seed: from }): GradientCase => ({
      operator: "Trilu",
      inputs: [spacedValues(dims, from), { dims: [], type: "int64", elements: [diagonal] }],
      attributes: { upper: integer(upper) },
      hasOpenBatch: dims.length > 2,
    }),
  );

/** Equal parts or named ones; some of them lead nowhere. */
const split = onAxis.chain(({ dims, at, named, from }) =>
  fc
    .record({
      sizes: fc.array(size(3), { minLength: 2, maxLength: 4 }),
      isEqual: fc.boolean(),
      unused: fc.boolean(),
    })
    .map(({ sizes, isEqual, unused }): GradientCase => {
      const parts = isEqual ? sizes.map(() => sizes[0] ?? 1) : sizes;
      const total = parts.reduce((sum, part) => sum + part, 0);
      const data = spacedValues(
        dims.map((dim, axis) => (axis === at ? total : dim)),
        from,
      );
      const all = parts.map((_, index) => index);
      return {
        operator: "Split",
        inputs: isEqual ? [data] : [data, parts],
        attributes: {
          axis: integer(named),
          ...(isEqual ? { num_outputs: integer(parts.length) } : {}),
        },
        outputs: unused ? all.slice(1) : all,
        namesAllOutputs: true,
      };
    }),
);

/** Images of any size made larger or smaller, by factors or to sizes. */
const resize = fc
  .record({
    rows: fc.integer({ min: 2, max: 4 }),
    columns: fc.integer({ min: 2, max: 4 }),
    toRows: size(6),
    toColumns: size(6),
    factor: fc.constantFrom(2, 1, 3, 1.5, 0.5),
    mode: fc.constantFrom("nearest", "linear"),
    place: fc.constantFrom("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"),
    rounding: fc.constantFrom("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"),
    names: fc.constantFrom("scales", "sizes"),
    seed,
  })
  .map((draw): GradientCase => {
    const text = (value: string) => ({ kind: "text", value }) as const;
    const data = spacedValues([1, 2, draw.rows, draw.columns], draw.seed);
    const scales = { dims: [4], data: Float32Array.of(1, 1, draw.factor, draw.factor) };
    const sizes = [1, 2, draw.toRows, draw.toColumns];
    return {
      operator: "Resize",
      inputs: draw.names === "scales" ? [data, null, scales] : [data, null, null, sizes],
      attributes: {
        mode: text(draw.mode),
        coordinate_transformation_mode: text(draw.place),
        nearest_mode: text(draw.rounding),
      },
      hasOpenBatch: draw.names === "scales",
    };
  });

/** What decoders do: every element as often as a whole factor says. */
const upsample = fc
  .record({ rows: size(3), columns: size(3), tall: size(3), wide: size(3), seed })
  .map(({ rows, columns, tall, wide, seed: from }): GradientCase => {
    const text = (value: string) => ({ kind: "text", value }) as const;
    return {
      operator: "Resize",
      inputs: [
        spacedValues([2, 2, rows, columns], from),
        null,
        { dims: [4], data: Float32Array.of(1, 1, tall, wide) },
      ],
      attributes: {
        mode: text("nearest"),
        coordinate_transformation_mode: text("asymmetric"),
        nearest_mode: text("floor"),
      },
    };
  });

/** Long axes by factors of a hundredth: which element is the nearest hangs on one bit, and what keeps its size is copied. */
const rescale = fc
  .record({
    length: fc.integer({ min: 2, max: 24 }),
    percent: fc.integer({ min: 50, max: 220 }),
    place: fc.constantFrom("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"),
    rounding: fc.constantFrom("floor", "ceil", "round_prefer_floor", "round_prefer_ceil"),
    seed,
  })
  .map(({ length, percent, place, rounding, seed: from }): GradientCase => {
    const text = (value: string) => ({ kind: "text", value }) as const;
    return {
      operator: "Resize",
      inputs: [
        spacedValues([2, 1, length], from),
        null,
        { dims: [3], data: Float32Array.of(1, 1, percent / 100) },
      ],
      attributes: {
        mode: text("nearest"),
        coordinate_transformation_mode: text(place),
        nearest_mode: text(rounding),
      },
    };
  });

/** Cases by operator. */
export const movementCases: Readonly<Record<string, readonly fc.Arbitrary<GradientCase>[]>> = {
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
  CumSum: [cumSum],
  DepthToSpace: [
    blocks("DepthToSpace", "DCR"),
    blocks("DepthToSpace", "CRD"),
    blocks("DepthToSpace"),
  ],
  Expand: [expand],
  Flatten: [axisOperator("Flatten")],
  Gather: [gather, table],
  GatherElements: [gatherElements],
  GatherND: [gatherNd],
  LogSoftmax: [axisOperator("LogSoftmax")],
  Pad: [...["constant", "reflect", "edge", "wrap"].map(pad), crop],
  Resize: [resize, upsample, rescale],
  Reshape: [
    fc
      .record({ batch: size(3), a: size(3), b: size(3), seed })
      .map(({ batch, a, b, seed: from }) => ({
        operator: "Reshape",
        inputs: [spacedValues([batch, a, b], from), [0, b * a]],
      })),
  ],
  ScatterElements: [scatterElements],
  ScatterND: [scatterNd],
  Slice: [slice],
  Softmax: [axisOperator("Softmax")],
  SpaceToDepth: [blocks("SpaceToDepth")],
  Split: [split],
  Squeeze: [
    fc.record({ dims: shape(1, 3), at: size(2), seed }).map(({ dims, at, seed: from }) => {
      const axis = Math.min(at, dims.length);
      return {
        operator: "Squeeze",
        inputs: [spacedValues([...dims.slice(0, axis), 1, ...dims.slice(axis)], from), [axis]],
      };
    }),
  ],
  Tile: [tile],
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
  Trilu: [trilu],
  Unsqueeze: [
    fc.record({ dims: shape(1, 3), at: size(3), seed }).map(({ dims, at, seed: from }) => ({
      operator: "Unsqueeze",
      inputs: [spacedValues(dims, from), [Math.min(at, dims.length), -1]],
    })),
  ],
};
