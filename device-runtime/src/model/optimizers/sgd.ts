// Stochastic gradient descent, with momentum or without.
import type { GraphEmitter } from "../graph/graphEmitter.ts";
import type { OptimizerRule } from "./optimizerRule.ts";

/** The gradient plus the parameter times the decay. */
export function decayed(
  emit: GraphEmitter,
  gradient: string,
  parameter: string,
  weightDecay: number,
): string {
  if (weightDecay === 0) return gradient;
  return emit.node("Add", [gradient, emit.node("Mul", [parameter, emit.scalar(weightDecay)])]);
}

/** `w -= rate g`. */
export function sgd(weightDecay: number): OptimizerRule {
  return {
    states: [],
    begin:
      ({ emit, learningRate }) =>
      ({ parameter, gradient }) => {
        const slope = decayed(emit, gradient, parameter, weightDecay);
        const change = emit.node("Mul", [slope, learningRate]);
        return { parameter: emit.node("Sub", [parameter, change]), states: [] };
      },
  };
}

/**
 * `v = momentum v + g; w -= rate v`, PyTorch's form without dampening. Nesterov's looks ahead: `w -= rate (g + momentum v)` with the new `v`.
 *
 * @see Sutskever et al. 2013, section 2, in the form of `torch.optim.SGD`.
 */
export function momentum(factor: number, weightDecay: number, looksAhead: boolean): OptimizerRule {
  return {
    states: ["momentum"],
    begin:
      ({ emit, learningRate }) =>
      ({ parameter, gradient, states: [velocity = ""] }) => {
        const slope = decayed(emit, gradient, parameter, weightDecay);
        const kept = emit.node("Mul", [velocity, emit.scalar(factor)]);
        const next = emit.node("Add", [kept, slope]);
        const direction = looksAhead
          ? emit.node("Add", [slope, emit.node("Mul", [next, emit.scalar(factor)])])
          : next;
        const change = emit.node("Mul", [direction, learningRate]);
        return { parameter: emit.node("Sub", [parameter, change]), states: [next] };
      },
  };
}
