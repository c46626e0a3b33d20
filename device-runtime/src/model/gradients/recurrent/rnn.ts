// Gradient of `RNN` through time.
import type { GradientRule } from "../gradientRule.ts";
import { type Direction, type DirectionGradient, recurrentGradient } from "./recurrentGradient.ts";

/**
 * H' = tanh(X Wᵀ + H Rᵀ + b). The slope 1 - H'² is known for all steps; what remains step by step is dH = dH' · slope · R.
 */
function direction({ context, hidden, recurrence, after, ...layer }: Direction): DirectionGradient {
  const { emit } = context;
  const slope = emit.node("Sub", [emit.scalar(1), emit.node("Mul", [after, after])]);
  const { states, outputs } = layer.backwards({
    states: [],
    inputs: [slope],
    outputWidths: [hidden],
    step: (inside, stateGradient, _, [flatness = ""]) => {
      const gates = inside.node("Mul", [stateGradient, flatness]);
      return { states: [inside.node("MatMul", [gates, recurrence])], outputs: [gates] };
    },
  });
  const gates = layer.asRows(outputs[0] ?? "", hidden);
  return { byInput: gates, byState: gates, firstStates: states };
}

/** Full back-propagation through time. */
export const rnnGradient: GradientRule = recurrentGradient(["Tanh"], direction);
