// Shapes of operators that add elements around or between those of their input.
import { isStatic, multiplyDims } from "../dim.ts";
import { integerAttribute, knownDim } from "../modelGraph.ts";
import { knownIntegers, likeInput, type ShapeRule, shapeMismatch } from "./shapeRule.ts";

/** `Tile`: each axis so many times. */
export const tileShape: ShapeRule = (context) => {
  const { shape } = context.input(0);
  const repeats = context.integers(1) ?? knownIntegers(context, 1, "the repeats");
  return likeInput(
    context,
    shape.map((dim, axis) => multiplyDims([dim, repeats[axis] ?? 1])),
  );
};

/** `Range`: as many elements as steps fit. */
export const rangeShape: ShapeRule = (context) => {
  const bounds = [0, 1, 2].map((index) => context.numbers(index)?.[0]);
  const [start, limit, delta] = bounds;
  const isKnown = bounds.every((bound) => bound !== undefined) && isStatic(bounds);
  const count = isKnown
    ? Math.max(0, Math.ceil(((limit as number) - (start as number)) / (delta as number)))
    : // Counting from 0 by 1, as exporters number the rows of a batch.
      start === 0 && delta === 1
      ? limit
      : undefined;
  return likeInput(context, [count ?? context.freshDim()]);
};

/** `DepthToSpace`: channels become blocks of rows and columns. */
export const depthToSpaceShape: ShapeRule = (context) => {
  const { node } = context;
  const size = integerAttribute(node, "blocksize", 1);
  const [batch = 1, depth, height, width] = context.input(0).shape;
  const channels = knownDim(node, depth, "the number of channels") / (size * size);
  if (!Number.isInteger(channels) || size < 1 || height === undefined || width === undefined) {
    return shapeMismatch(node, `cannot make blocks of ${size} x ${size}`);
  }
  const [tall, wide] = [multiplyDims([height, size]), multiplyDims([width, size])];
  return likeInput(context, [batch, channels, tall, wide]);
};

/** `SpaceToDepth`: blocks of rows and columns become channels. */
export const spaceToDepthShape: ShapeRule = (context) => {
  const { node } = context;
  const size = integerAttribute(node, "blocksize", 1);
  const [batch = 1, ...others] = context.input(0).shape;
  const [depth = 1, height = 1, width = 1] = others.map((dim, axis) =>
    knownDim(node, dim, `the size of axis ${axis + 1}`),
  );
  if (size < 1 || others.length !== 3 || height % size !== 0 || width % size !== 0) {
    return shapeMismatch(node, `cannot take blocks of ${size} x ${size}`);
  }
  return likeInput(context, [batch, depth * size * size, height / size, width / size]);
};
