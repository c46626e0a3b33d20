// Gradient of `GlobalMaxPool`.

import { checkConstantRoom } from "../graph/constantRoom.ts";
import { integer } from "../graph/graphEmitter.ts";
import { knownDim } from "../graph/modelGraph.ts";
import { elementCode } from "../onnx/elementType.ts";
import type { GradientRule } from "./gradientRule.ts";

/** The first greatest element of each channel gets dY, as in PyTorch. */
export const globalMaxPoolGradient: GradientRule = (context) => {
  const { node, emit } = context;
  const [, ...sizes] = context
    .shapeOf(context.input(0))
    .map((dim, axis) => (axis === 0 ? 1 : knownDim(node, dim, `the size of axis ${axis}`)));
  const [channels = 1, ...spatial] = sizes;
  const places = spatial.reduce((product, size) => product * size, 1);
  checkConstantRoom(node, places);
  const float = { to: integer(elementCode("float32")) };
  const flat = emit.node("Reshape", [context.input(0), emit.integers([-1, channels, places])]);
  const first = emit.node("ArgMax", [flat], { axis: integer(2), keepdims: integer(1) });
  const place = emit.node("Cast", [first], float);
  const numbers = emit.floats(
    [places],
    Array.from({ length: places }, (_, at) => at),
  );
  const mask = emit.node("Cast", [emit.node("Equal", [place, numbers])], float);
  const gradient = emit.node("Reshape", [context.gradient, emit.integers([-1, channels, 1])]);
  const result = emit.node("Mul", [mask, gradient]);
  return [emit.node("Reshape", [result, emit.integers([-1, ...sizes])])];
};
