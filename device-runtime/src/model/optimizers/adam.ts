// Adam and AdamW with bias correction, as PyTorch computes them.
import { integer } from "../graph/graphEmitter.ts";
import { elementCode } from "../onnx/elementType.ts";
import type { OptimizerRule, StepScalars } from "./optimizerRule.ts";
import { decayed } from "./sgd.ts";

/** Settings of Adam, none left out. */
export interface AdamSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** AdamW: the decay acts on the parameter, not through the moments. */
  readonly isDecoupled: boolean;
}

/** `1 - beta^t` as a float64 scalar: in float32 the first steps of 1 - 0.999^t lose five digits. */
function correction({ emit, stepNumber }: StepScalars, beta: number): string {
  const step = emit.node("Cast", [stepNumber], { to: integer(elementCode("float64")) });
  return emit.node("Sub", [emit.double(1), emit.node("Pow", [emit.double(beta), step])]);
}

/**
 * With `c = 1 - beta^t`: `m += (1 - b1)(g - m)`, `v = b2 v + (1 - b2) g²`, `w -= rate / c1 * m / (sqrt(v) / sqrt(c2) + e)`.
 *
 * The last is written as `w -= (rate sqrt(c2) / c1) m / (sqrt(v) + e sqrt(c2))`: the same number with one pass over the parameter less.
 *
 * @see Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019, algorithm 2.
 */
export function adam(settings: AdamSettings): OptimizerRule {
  const { beta1, beta2, epsilon, weightDecay, isDecoupled } = settings;
  return {
    states: ["firstMoment", "secondMoment"],
    begin: (scalars) => {
      const { emit, learningRate } = scalars;
      const toFloat = (value: string): string =>
        emit.node("Cast", [value], { to: integer(elementCode("float32")) });
      const root = emit.node("Sqrt", [correction(scalars, beta2)]);
      const ratio = toFloat(emit.node("Div", [root, correction(scalars, beta1)]));
      const rate = emit.node("Mul", [learningRate, ratio]);
      const floor = toFloat(emit.node("Mul", [root, emit.double(epsilon)]));
      const kept =
        isDecoupled && weightDecay !== 0
          ? emit.node("Sub", [
              emit.scalar(1),
              emit.node("Mul", [learningRate, emit.scalar(weightDecay)]),
            ])
          : undefined;
      return ({ parameter, gradient, states: [first = "", second = ""] }) => {
        const slope = isDecoupled ? gradient : decayed(emit, gradient, parameter, weightDecay);
        const start = kept === undefined ? parameter : emit.node("Mul", [parameter, kept]);
        const pull = emit.node("Sub", [slope, first]);
        const nextFirst = emit.node("Add", [
          first,
          emit.node("Mul", [pull, emit.scalar(1 - beta1)]),
        ]);
        const square = emit.node("Mul", [slope, slope]);
        const nextSecond = emit.node("Add", [
          emit.node("Mul", [second, emit.scalar(beta2)]),
          emit.node("Mul", [square, emit.scalar(1 - beta2)]),
        ]);
        const spread = emit.node("Add", [emit.node("Sqrt", [nextSecond]), floor]);
        const change = emit.node("Mul", [emit.node("Div", [nextFirst, spread]), rate]);
        return {
          parameter: emit.node("Sub", [start, change]),
          states: [nextFirst, nextSecond],
        };
      };
    },
  };
}
