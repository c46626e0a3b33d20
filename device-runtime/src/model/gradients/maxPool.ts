// Gradient of `MaxPool` over any number of spatial axes, in several forms.
import { type GraphEmitter, integer, integers } from "../graph/graphEmitter.ts";
import { integerAttribute, knownDim, nodeText } from "../graph/modelGraph.ts";
import { extentOf, poolKernel, readWindow, type Window } from "../graph/window.ts";
import type { Form } from "../lowering/lowering.ts";
import { elementCode } from "../onnx/elementType.ts";
import type { OnnxNode } from "../onnx/nodeMessage.ts";
import { turnAway } from "../turnAway.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";
import { areTapsFew, beyondWindows, positionsOf, seenBy } from "./windowTaps.ts";

/** The first greatest element of each window gets dY, as in PyTorch; windows that overlap add up. */
export const maxPoolGradient: GradientRule = (context) => {
  const { node } = context;
  if (integerAttribute(node, "storage_order", 0) !== 0) {
    turnAway(
      "model.operator_unsupported",
      `${nodeText(node)} counts in column-major order; export it with storage_order=0`,
    );
  }
  return [context.lower("maxPool.data", maxPoolForms(context))];
};

function maxPoolForms(context: GradientContext): readonly Form[] {
  const { node } = context;
  const shape = context.shapeOf(context.input(0));
  const window = readWindow(node, shape, poolKernel(node));
  const pool: Pool = {
    context,
    window,
    channels: knownDim(node, shape[1], "the number of channels"),
  };
  const isSideBySide = window.kernel.every(
    (size, axis) =>
      size === window.strides[axis] &&
      window.dilations[axis] === 1 &&
      window.padsBefore[axis] === 0 &&
      (window.outputSizes[axis] ?? 1) * size <= (window.inputSizes[axis] ?? 1),
  );
  const forms: Form[] = [{ name: "scatter", write: (emit) => scatter(emit, pool) }];
  if (!areTapsFew(window.kernel)) return forms;
  if (!isMisread(node, window)) forms.push({ name: "mask", write: (emit) => mask(emit, pool) });
  if (isSideBySide) {
    forms.push({ name: "sideBySide", write: (emit) => sideBySide(emit, pool) });
    if ((node.outputs[1] ?? "") === "") {
      forms.push({ name: "shared", write: (emit) => shared(emit, pool) });
    }
  }
  return forms;
}

/**
 * Whether the engine types the pool's output with a window too many: one that would begin in the padding behind the data. It leaves that
 * window out when it computes, but refuses to load a graph that compares the output with anything of its true size.
 */
function isMisread(node: OnnxNode, window: Window): boolean {
  if (integerAttribute(node, "ceil_mode", 0) === 0) return false;
  return window.inputSizes.some((size, axis) => {
    const padded = size + (window.padsBefore[axis] ?? 0) + (window.padsAfter[axis] ?? 0);
    const steps = Math.ceil((padded - extentOf(window, axis)) / (window.strides[axis] ?? 1));
    return steps + 1 !== window.outputSizes[axis];
  });
}

interface Pool {
  readonly context: GradientContext;
  readonly window: Window;
  readonly channels: number;
}

/** Gives `left` to the first of the values that equals the maximum: one part a value, all of one shape. */
function shareOut(
  emit: GraphEmitter,
  values: readonly string[],
  maximum: string,
  gradient: string,
): string[] {
  let left = gradient;
  const parts: string[] = [];
  for (const value of values.slice(0, -1)) {
    const isFound = emit.node("Equal", [value, maximum]);
    const found = emit.node("Cast", [isFound], { to: integer(elementCode("float32")) });
    const part = emit.node("Mul", [left, found]);
    parts.push(part);
    left = emit.node("Sub", [left, part]);
  }
  // What no other took; every window has a maximum.
  parts.push(left);
  return parts;
}

/**
 * Windows side by side: the elements of all windows are laid out tap by tap, so that each tap is one contiguous array, and dY goes to
 * the first tap that equals the maximum.
 *
 * Asking the pool for its indices instead costs it ten times its time.
 */
function sideBySide(emit: GraphEmitter, pool: Pool): string {
  return backFromTaps(emit, pool, tapRows(emit, pool));
}

/** As side by side, and the pool itself takes the maximum of those taps: engines pool slower than they lay out and compare. */
function shared(emit: GraphEmitter, pool: Pool): string {
  const { context, window, channels } = pool;
  const rows = emit.replace(context.node, () => {
    const taps = tapRows(emit, pool);
    const greatest = emit.node("Max", taps);
    const dims = emit.integers([-1, channels, ...window.outputSizes]);
    emit.node("Reshape", [greatest, dims], {}, context.output);
    return taps;
  });
  return backFromTaps(emit, pool, rows);
}

/** Axes `[all, o1, k1, o2, k2]` of windows side by side with those of the kernel in front. */
const kernelFirst = ({ kernel }: Window): number[] => [
  ...kernel.map((_, axis) => 2 * axis + 2),
  0,
  ...kernel.map((_, axis) => 2 * axis + 1),
];

/** What the windows cover of each axis. */
const coveredSizes = ({ kernel, outputSizes }: Window): number[] =>
  kernel.map((size, axis) => size * (outputSizes[axis] ?? 1));

/** One row `[1, all windows]` a tap. */
function tapRows(emit: GraphEmitter, { context, window }: Pool): readonly string[] {
  const spatial = window.kernel.map((_, axis) => axis + 2);
  const covered = coveredSizes(window);
  const taps = window.kernel.reduce((product, size) => product * size, 1);
  const windows = [
    -1,
    ...window.kernel.flatMap((size, axis) => [window.outputSizes[axis] ?? 1, size]),
  ];
  let data = context.input(0);
  if (covered.some((size, axis) => size < (window.inputSizes[axis] ?? 1))) {
    const starts = emit.integers(spatial.map(() => 0));
    data = emit.node("Slice", [data, starts, emit.integers(covered), emit.integers(spatial)]);
  }
  data = emit.node("Reshape", [data, emit.integers(windows)]);
  data = emit.node("Transpose", [data], { perm: integers(kernelFirst(window)) });
  data = emit.node("Reshape", [data, emit.integers([taps, -1])]);
  const sizes = emit.integers(Array.from({ length: taps }, () => 1));
  return taps === 1 ? [data] : emit.nodeOf("Split", [data, sizes], taps, { axis: integer(0) });
}

function backFromTaps(
  emit: GraphEmitter,
  { context, window, channels }: Pool,
  rows: readonly string[],
): string {
  const covered = coveredSizes(window);
  const rest = window.inputSizes.map((size, axis) => size - (covered[axis] ?? 0));
  const row = (value: string): string => emit.node("Reshape", [value, emit.integers([1, -1])]);
  const parts = shareOut(emit, rows, row(context.output), row(context.gradient));
  const [only = ""] = parts;
  let result = parts.length === 1 ? only : emit.node("Concat", parts, { axis: integer(0) });
  result = emit.node("Reshape", [
    result,
    emit.integers([...window.kernel, -1, ...window.outputSizes]),
  ]);
  const order = kernelFirst(window);
  const inverse = order.map((_, axis) => order.indexOf(axis));
  result = emit.node("Transpose", [result], { perm: integers(inverse) });
  result = emit.node("Reshape", [result, emit.integers([-1, channels, ...covered])]);
  if (rest.every((size) => size === 0)) return result;
  const inFront = Array.from({ length: window.kernel.length + 4 }, () => 0);
  return emit.node("Pad", [result, emit.integers([...inFront, ...rest])]);
}

/** Below every finite number that a network computes with, as the pool's own padding is. */
const LOWEST = -3.402_823_466_385_288_6e38;

/**
 * Windows of any kind without a scatter: what each tap sees of the padded data is compared with the maximum, and a transposed
 * convolution, whose kernel has a single 1 a tap, puts every tap's part back and adds up.
 */
function mask(emit: GraphEmitter, { context, window, channels }: Pool): string {
  const positions = positionsOf(window.kernel);
  const after = beyondWindows(window);
  const padsAfter = after.map((pad) => Math.max(0, pad));
  const pads = [0, 0, ...window.padsBefore, 0, 0, ...padsAfter];
  let padded = context.input(0);
  if (pads.some((pad) => pad > 0)) {
    padded = emit.node("Pad", [padded, emit.integers(pads), emit.scalar(LOWEST)]);
  }
  const seen = positions.map((position) => seenBy(emit, window, padded, position, 2));
  const parts = shareOut(emit, seen, context.output, context.gradient);
  const flat = parts.map((part) =>
    emit.node("Reshape", [part, emit.integers([-1, 1, ...window.outputSizes])]),
  );
  const [only = ""] = flat;
  const joined = flat.length === 1 ? only : emit.node("Concat", flat, { axis: integer(1) });
  const taps = positions.length;
  const kernel = new Float32Array(taps * taps);
  for (let tap = 0; tap < taps; tap += 1) kernel[tap * taps + tap] = 1;
  const spread = emit.node(
    "ConvTranspose",
    [joined, emit.floats([taps, 1, ...window.kernel], kernel)],
    {
      dilations: integers(window.dilations),
      kernel_shape: integers(window.kernel),
      output_padding: integers(after.map((pad) => Math.max(0, -pad))),
      pads: integers([...window.padsBefore, ...padsAfter]),
      strides: integers(window.strides),
    },
  );
  return emit.node("Reshape", [spread, emit.integers([-1, channels, ...window.inputSizes])]);
}

/** Windows of any kind: the pool reports where each maximum stood, and dY is added there. */
function scatter(emit: GraphEmitter, { context, window, channels }: Pool): string {
  const flatten = (value: string): string => emit.node("Reshape", [value, emit.integers([-1])]);
  const zeros = emit.node("ConstantOfShape", [emit.node("Shape", [flatten(context.input(0))])]);
  const indices = emit.requestOutput(context.node, 1);
  const sum = emit.node("ScatterElements", [zeros, flatten(indices), flatten(context.gradient)], {
    axis: integer(0),
    reduction: { kind: "text", value: "add" },
  });
  return emit.node("Reshape", [sum, emit.integers([-1, channels, ...window.inputSizes])]);
}
