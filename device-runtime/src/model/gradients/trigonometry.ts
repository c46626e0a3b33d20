// Gradients of the trigonometric and hyperbolic functions and of their inverses.
import type { GradientContext, GradientRule } from "./gradientRule.ts";

/** Writes values made of the node's input X and output Y. */
interface Terms {
  readonly x: string;
  readonly y: string;
  of(operator: string, value: string): string;
  square(value: string): string;
  /** `factor value + offset`. */
  line(value: string, factor: number, offset: number): string;
}

function termsOf({ emit, input, output }: GradientContext): Terms {
  return {
    x: input(0),
    y: output,
    of: (operator, value) => emit.node(operator, [value]),
    square: (value) => emit.node("Mul", [value, value]),
    line: (value, factor, offset) => {
      const scaled = factor === 1 ? value : emit.node("Mul", [value, emit.scalar(factor)]);
      return offset === 0 ? scaled : emit.node("Add", [scaled, emit.scalar(offset)]);
    },
  };
}

/** dX = dY slope. */
const times =
  (slope: (terms: Terms) => string): GradientRule =>
  (context) => [context.emit.node("Mul", [context.gradient, slope(termsOf(context))])];

/** dX = dY / steepness. */
const over =
  (steepness: (terms: Terms) => string): GradientRule =>
  (context) => [context.emit.node("Div", [context.gradient, steepness(termsOf(context))])];

/** cos X. */
export const sinGradient: GradientRule = times(({ x, of }) => of("Cos", x));
/** -sin X. */
export const cosGradient: GradientRule = times(({ x, of, line }) => line(of("Sin", x), -1, 0));
/** 1 + Y². */
export const tanGradient: GradientRule = times(({ y, square, line }) => line(square(y), 1, 1));
/** 1 / √(1 - X²). */
export const asinGradient: GradientRule = over(({ x, of, square, line }) =>
  of("Sqrt", line(square(x), -1, 1)),
);
/** -1 / √(1 - X²). */
export const acosGradient: GradientRule = over(({ x, of, square, line }) =>
  line(of("Sqrt", line(square(x), -1, 1)), -1, 0),
);
/** 1 / (1 + X²). */
export const atanGradient: GradientRule = over(({ x, square, line }) => line(square(x), 1, 1));
/** cosh X. */
export const sinhGradient: GradientRule = times(({ x, of }) => of("Cosh", x));
/** sinh X. */
export const coshGradient: GradientRule = times(({ x, of }) => of("Sinh", x));
/** 1 / √(X² + 1). */
export const asinhGradient: GradientRule = over(({ x, of, square, line }) =>
  of("Sqrt", line(square(x), 1, 1)),
);
/** 1 / √(X² - 1). */
export const acoshGradient: GradientRule = over(({ x, of, square, line }) =>
  of("Sqrt", line(square(x), 1, -1)),
);
/** 1 / (1 - X²). */
export const atanhGradient: GradientRule = over(({ x, square, line }) => line(square(x), -1, 1));
