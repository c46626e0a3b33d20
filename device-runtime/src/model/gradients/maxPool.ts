// Gradient of `MaxPool` over any number of spatial axes.
import { integer, integers } from "../graph/graphEmitter.ts";
import { integerAttribute, knownDim, nodeText } from "../graph/modelGraph.ts";
import { poolKernel, readWindow, type Window } from "../graph/window.ts";
import { elementCode } from "../onnx/elementType.ts";
import { turnAway } from "../turnAway.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";
import { reshapeLike } from "./likeShape.ts";

/** The first greatest element of each window gets dY, as in PyTorch; windows that overlap add up. */
export const maxPoolGradient: GradientRule = (context) => {
  const { node } = context;
  if (integerAttribute(node, "storage_order", 0) !== 0) {
    turnAway(
      "model.operator_unsupported",
      `${nodeText(node)} counts in column-major order; export it with storage_order=0`,
    );
  }
  const window = readWindow(node, context.shapeOf(context.input(0)), poolKernel(node));
  const isSideBySide = window.kernel.every(
    (size, axis) =>
      size === window.strides[axis] &&
      window.dilations[axis] === 1 &&
      window.padsBefore[axis] === 0 &&
      (window.outputSizes[axis] ?? 1) * size <= (window.inputSizes[axis] ?? 1),
  );
  return [isSideBySide ? choose(context, window) : scatter(context)];
};

/**
 * Windows side by side: the elements of all windows are laid out tap by tap, so that each tap is one contiguous array, and dY goes to
 * the first tap that equals the maximum.
 *
 * Asking the pool for its indices instead costs it ten times its time.
 */
function choose(context: GradientContext, window: Window): string {
  const { node, emit } = context;
  const shape = context.shapeOf(context.input(0));
  const channels = knownDim(node, shape[1], "the number of channels");
  const rank = window.kernel.length;
  const spatial = window.kernel.map((_, axis) => axis + 2);
  const covered = window.kernel.map((size, axis) => size * (window.outputSizes[axis] ?? 1));
  const rest = window.inputSizes.map((size, axis) => size - (covered[axis] ?? 0));
  const hasRest = rest.some((size) => size > 0);
  const taps = window.kernel.reduce((product, size) => product * size, 1);
  // [all, o1, k1, o2, k2] and back; the axes of the kernel go to the front.
  const windows = [
    -1,
    ...window.kernel.flatMap((size, axis) => [window.outputSizes[axis] ?? 1, size]),
  ];
  const kernelFirst = [
    ...window.kernel.map((_, axis) => 2 * axis + 2),
    0,
    ...window.kernel.map((_, axis) => 2 * axis + 1),
  ];

  let data = context.input(0);
  if (hasRest) {
    const starts = emit.integers(spatial.map(() => 0));
    data = emit.node("Slice", [data, starts, emit.integers(covered), emit.integers(spatial)]);
  }
  data = emit.node("Reshape", [data, emit.integers(windows)]);
  data = emit.node("Transpose", [data], { perm: integers(kernelFirst) });
  data = emit.node("Reshape", [data, emit.integers([taps, -1])]);
  const row = (value: string): string => emit.node("Reshape", [value, emit.integers([1, -1])]);
  const maximum = row(context.output);
  let left = row(context.gradient);
  const parts: string[] = [];
  if (taps > 1) {
    const sizes = emit.integers(Array.from({ length: taps }, () => 1));
    const values = emit.nodeOf("Split", [data, sizes], taps, { axis: integer(0) });
    for (const value of values.slice(0, -1)) {
      const isFound = emit.node("Equal", [value, maximum]);
      const mask = emit.node("Cast", [isFound], { to: integer(elementCode("float32")) });
      const part = emit.node("Mul", [left, mask]);
      parts.push(part);
      left = emit.node("Sub", [left, part]);
    }
  }
  parts.push(left);
  let result = parts.length === 1 ? left : emit.node("Concat", parts, { axis: integer(0) });
  result = emit.node("Reshape", [
    result,
    emit.integers([...window.kernel, -1, ...window.outputSizes]),
  ]);
  const inverse = kernelFirst.map((_, axis) => kernelFirst.indexOf(axis));
  result = emit.node("Transpose", [result], { perm: integers(inverse) });
  result = emit.node("Reshape", [result, emit.integers([-1, channels, ...covered])]);
  if (!hasRest) return result;
  return emit.node("Pad", [
    result,
    emit.integers([...Array.from({ length: rank + 4 }, () => 0), ...rest]),
  ]);
}

/** Windows of any kind: the pool reports where each maximum stood, and dY is added there. */
function scatter(context: GradientContext): string {
  const { emit } = context;
  const data = context.input(0);
  const flatten = (value: string): string => emit.node("Reshape", [value, emit.integers([-1])]);
  const size = emit.node("Size", [data]);
  const zeros = emit.node("ConstantOfShape", [emit.node("Reshape", [size, emit.integers([1])])]);
  const sum = emit.node(
    "ScatterElements",
    [zeros, flatten(context.requestOutput(1)), flatten(context.gradient)],
    { axis: integer(0), reduction: { kind: "text", value: "add" } },
  );
  return reshapeLike(context, sum, data);
}
