// Adam and AdamW with bias correction, as PyTorch computes them.
import { type GraphEmitter, integer } from "../graph/graphEmitter.ts";
import { elementCode } from "../onnx/elementType.ts";
import type { OptimizerRule } from "./optimizerRule.ts";
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

/**
 * `1 - beta^t` as `2 h / (1 + h)` with `h = tanh(-t ln(beta) / 2)`: in float32 the difference itself would lose five digits of 1 - 0.999^t in the
 * first steps, and WebGPU has no float64.
 */
function correction(emit: GraphEmitter, step: string, beta: number): string {
  if (beta === 0) return emit.scalar(1);
  const half = emit.node("Tanh", [emit.node("Mul", [step, emit.scalar(-Math.log(beta) / 2)])]);
  const above = emit.node("Add", [half, half]);
  return emit.node("Div", [above, emit.node("Add", [half, emit.scalar(1)])]);
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
    begin: ({ emit, learningRate, stepNumber }) => {
      const step = emit.node("Cast", [stepNumber], { to: integer(elementCode("float32")) });
      const root = emit.node("Sqrt", [correction(emit, step, beta2)]);
      const ratio = emit.node("Div", [root, correction(emit, step, beta1)]);
      const rate = emit.node("Mul", [learningRate, ratio]);
      const floor = emit.node("Mul", [root, emit.scalar(epsilon)]);
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
