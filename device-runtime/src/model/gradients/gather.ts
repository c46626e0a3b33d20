// Gradients of `Gather`, `GatherElements` and `GatherND`: what was taken from a place is added up there.
import { isStatic } from "../graph/dim.ts";
import { integer, integers } from "../graph/graphEmitter.ts";
import { integerAttribute, nodeText, resolveAxis } from "../graph/modelGraph.ts";
import { elementCode } from "../onnx/elementType.ts";
import { tensorNumbers } from "../onnx/tensorMessage.ts";
import { turnAway } from "../turnAway.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";
import { zerosLike } from "./likeShape.ts";
import { padAxis } from "./rebuildAxis.ts";

const add = { reduction: { kind: "text", value: "add" } } as const;

/** Rows of a table up to which a one-hot product is cheaper than adding row by row. */
const ONE_HOT_ROWS_MAX = 512;

/** `Gather` along any axis; embedding tables are gathered along axis 0. */
export const gatherGradient: GradientRule = (context) => {
  const { node } = context;
  const shape = context.shapeOf(context.input(0));
  const axis = resolveAxis(node, integerAttribute(node, "axis", 0), shape.length);
  return [fromOnePlace(context, axis) ?? fromManyPlaces(context, axis)];
};

/** One constant index, such as the last step of a sequence: dY with zeros around it. */
function fromOnePlace(context: GradientContext, axis: number): string | undefined {
  const { emit } = context;
  const shape = context.shapeOf(context.input(0));
  const size = shape[axis];
  const indices = context.constant(1);
  const places = indices === undefined ? [] : tensorNumbers(indices);
  const index = places.length === 1 ? places[0] : undefined;
  if (typeof size !== "number" || index === undefined) return undefined;
  const rank = indices?.dims.length ?? 0;
  if (rank > 1) return undefined;
  const at = index < 0 ? index + size : index;
  const open =
    rank === 1
      ? context.gradient
      : emit.node("Unsqueeze", [context.gradient, emit.integers([axis])]);
  return padAxis(context, open, shape.length, axis, at, size - 1 - at);
}

function fromManyPlaces(context: GradientContext, axis: number): string {
  const { emit } = context;
  const shape = context.shapeOf(context.input(0));
  const indexRank = context.shapeOf(context.input(1)).length;
  const rest = shape.map((_, other) => other).filter((other) => other !== axis);
  // The gathered axes come first, then what is left of the data.
  const lead = Array.from({ length: indexRank }, (_, index) => axis + index);
  const order = [...lead, ...rest.map((other) => (other < axis ? other : other + indexRank - 1))];
  const isInOrder = order.every((from, index) => from === index);
  const updates = isInOrder
    ? context.gradient
    : emit.node("Transpose", [context.gradient], { perm: integers(order) });
  const rows = shape[axis];
  const width = rest.map((other) => shape[other] ?? 1);
  const isTable = typeof rows === "number" && rows <= ONE_HOT_ROWS_MAX && isStatic(width);
  const sum = isTable
    ? byProduct(context, updates, rows, width)
    : byAdding(context, updates, axis, rest);
  if (axis === 0) return sum;
  const back = shape.map((_, other) => (other === axis ? 0 : other < axis ? other + 1 : other));
  return emit.node("Transpose", [sum], { perm: integers(back) });
}

/** One-hot rows, transposed, times dY. */
function byProduct(
  context: GradientContext,
  updates: string,
  rows: number,
  width: readonly number[],
): string {
  const { emit } = context;
  const places = context.input(1);
  // `Gather` takes int32, `OneHot` of depths in int64 does not.
  const wide =
    context.typeOf(places) === "int32"
      ? emit.node("Cast", [places], { to: integer(elementCode("int64")) })
      : places;
  const flat = emit.node("Reshape", [wide, emit.integers([-1])]);
  const oneHot = emit.node("OneHot", [flat, emit.integers([rows]), emit.floats([2], [0, 1])], {
    axis: integer(-1),
  });
  const columns = width.reduce((product, size) => product * size, 1);
  const matrix = emit.node("Reshape", [updates, emit.integers([-1, columns])]);
  const sum = emit.node("Gemm", [oneHot, matrix], { transA: integer(1) });
  return width.length === 1 ? sum : emit.node("Reshape", [sum, emit.integers([rows, ...width])]);
}

/** dY added to zeros, row by row. */
function byAdding(
  context: GradientContext,
  updates: string,
  axis: number,
  rest: readonly number[],
): string {
  const { emit } = context;
  const data = context.input(0);
  const turned =
    axis === 0 ? data : emit.node("Transpose", [data], { perm: integers([axis, ...rest]) });
  const zeros = emit.node("ConstantOfShape", [emit.node("Shape", [turned])]);
  // `Gather` takes int32, `ScatterND` does not.
  const rows = emit.node("Cast", [context.input(1)], { to: integer(elementCode("int64")) });
  const places = emit.node("Unsqueeze", [rows, emit.integers([-1])]);
  return emit.node("ScatterND", [zeros, places, updates], add);
}

/** `GatherElements`. */
export const gatherElementsGradient: GradientRule = (context) => {
  const { node, emit } = context;
  const zeros = zerosLike(context, context.input(0));
  return [
    emit.node("ScatterElements", [zeros, context.input(1), context.gradient], {
      axis: integer(integerAttribute(node, "axis", 0)),
      ...add,
    }),
  ];
};

/** `GatherND` without batch axes. */
export const gatherNdGradient: GradientRule = (context) => {
  const { node, emit } = context;
  if (integerAttribute(node, "batch_dims", 0) !== 0) {
    turnAway("model.operator_unsupported", `${nodeText(node)}: no gradient with batch_dims`);
  }
  const zeros = zerosLike(context, context.input(0));
  return [emit.node("ScatterND", [zeros, context.input(1), context.gradient], add)];
};
