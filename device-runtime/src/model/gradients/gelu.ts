// Gradient of `Gelu`, exact and by tanh.
import { textAttribute } from "../graph/modelGraph.ts";
import type { GradientContext, GradientRule } from "./gradientRule.ts";

/** Y = X Φ(X), so dX = dY (Φ(X) + X φ(X)); with `approximate="tanh"` the slope of the approximation. */
export const geluGradient: GradientRule = (context) => {
  const isTanh = textAttribute(context.node, "approximate", "none") === "tanh";
  const slope = isTanh ? tanhSlope(context) : exactSlope(context);
  return [context.emit.node("Mul", [context.gradient, slope])];
};

/** (1 + erf(X/√2))/2 + X exp(-X²/2)/√(2π). */
function exactSlope(context: GradientContext): string {
  const { emit } = context;
  const data = context.input(0);
  const times = (value: string, factor: number): string =>
    emit.node("Mul", [value, emit.scalar(factor)]);
  const share = times(emit.node("Erf", [times(data, Math.SQRT1_2)]), 0.5);
  const bell = emit.node("Exp", [times(emit.node("Mul", [data, data]), -0.5)]);
  const tilt = times(emit.node("Mul", [data, bell]), 1 / Math.sqrt(2 * Math.PI));
  return emit.node("Add", [emit.node("Add", [share, emit.scalar(0.5)]), tilt]);
}

/** With u = √(2/π)(X + 0.044715 X³) and t = tanh(u): (1 + t)/2 + X (1 - t²)/2 · √(2/π)(1 + 3 · 0.044715 X²). */
function tanhSlope(context: GradientContext): string {
  const { emit } = context;
  const data = context.input(0);
  const outer = Math.sqrt(2 / Math.PI);
  const line = (value: string, factor: number, offset: number): string =>
    emit.node("Add", [emit.node("Mul", [value, emit.scalar(factor)]), emit.scalar(offset)]);
  const square = emit.node("Mul", [data, data]);
  const inside = emit.node("Mul", [data, line(square, outer * 0.044715, outer)]);
  const tanh = emit.node("Tanh", [inside]);
  const flatness = line(emit.node("Mul", [tanh, tanh]), -0.5, 0.5);
  const insideSlope = line(square, 3 * outer * 0.044715, outer);
  const tilt = emit.node("Mul", [emit.node("Mul", [data, flatness]), insideSlope]);
  return emit.node("Add", [line(tanh, 0.5, 0.5), tilt]);
}
