// Gradient of `LSTM` through time.
import { float, integer } from "../../graph/graphEmitter.ts";
import type { GradientRule } from "../gradientRule.ts";
import { type Direction, type DirectionGradient, recurrentGradient } from "./recurrentGradient.ts";

/**
 * Gates i, o, f, g of all steps come from one product, because the states are known from the layer's output; only the cells
 * C' = f C + i g have to be gone through again. Back, with t = tanh(C'):
 *
 *     dC' += dH' o (1 - t²)      d(i, o, f, g) = (dC' g, dH' t, dC' C, dC' i) · slopes of the gates      dC = dC' f      dH = d(i, o, f, g) R
 *
 * Everything but dH' and dC' is known ahead for all steps.
 */
function direction(layer: Direction): DirectionGradient {
  const { context, hidden, weight, recurrence, biases } = layer;
  const { emit } = context;
  const flipped = { transB: integer(1) };
  const [inputBias, stateBias] = biases ?? [];
  const bias =
    inputBias === undefined || stateBias === undefined
      ? []
      : [emit.node("Add", [inputBias, stateBias])];
  const fromInput = emit.node("Gemm", [layer.data, weight, ...bias], flipped);
  const sums = emit.node("Gemm", [layer.before, recurrence, fromInput], {
    ...flipped,
    beta: float(1),
  });
  const parts = emit.nodeOf("Split", [sums, emit.integers([3 * hidden, hidden])], 2, {
    axis: integer(-1),
  });
  const open = emit.node("Sigmoid", [parts[0] ?? ""]);
  const candidate = emit.node("Tanh", [parts[1] ?? ""]);
  const thirds = emit.integers([hidden, hidden, hidden]);
  const [input = "", output = "", forget = ""] = emit.nodeOf("Split", [open, thirds], 3, {
    axis: integer(-1),
  });

  const forgetOverTime = layer.overTime(forget, hidden);
  const added = layer.overTime(emit.node("Mul", [input, candidate]), hidden);
  const firstCell = layer.firstCell();
  const { outputs: cells } = layer.forwards({
    states: [firstCell],
    inputs: [forgetOverTime, added],
    outputWidths: [hidden],
    step: (inside, [cell = ""], [kept = "", gained = ""]) => {
      const next = inside.node("Add", [inside.node("Mul", [kept, cell]), gained]);
      return { states: [next], outputs: [inside.node("Identity", [next])] };
    },
  });
  const cellsAfter = layer.asRows(cells[0] ?? "", hidden);
  const cellsBefore = layer.asRows(layer.delayed(firstCell, cells[0] ?? ""), hidden);

  const one = emit.scalar(1);
  const times = (...values: string[]): string =>
    values.reduce((left, right) => emit.node("Mul", [left, right]));
  const bell = (value: string): string => emit.node("Sub", [one, times(value, value)]);
  const slope = (value: string): string => times(value, emit.node("Sub", [one, value]));
  const squashed = emit.node("Tanh", [cellsAfter]);
  const gateFactors = emit.node(
    "Concat",
    [
      times(candidate, slope(input)),
      times(squashed, slope(output)),
      times(cellsBefore, slope(forget)),
      times(input, bell(candidate)),
    ],
    { axis: integer(-1) },
  );
  const { states, outputs } = layer.backwards({
    states: [layer.lastCellGradient()],
    inputs: [
      layer.overTime(times(output, bell(squashed)), hidden),
      layer.overTime(gateFactors, 4 * hidden),
      forgetOverTime,
    ],
    outputWidths: [4 * hidden],
    step: (inside, stateGradient, [carried = ""], [toCell = "", factors = "", kept = ""]) => {
      const reached = inside.node("Mul", [stateGradient, toCell]);
      const cell = inside.node("Add", [carried, reached]);
      const sources = inside.node("Concat", [cell, stateGradient, cell, cell], {
        axis: integer(-1),
      });
      const gates = inside.node("Mul", [sources, factors]);
      return {
        states: [inside.node("MatMul", [gates, recurrence]), inside.node("Mul", [cell, kept])],
        outputs: [gates],
      };
    },
  });
  const gates = layer.asRows(outputs[0] ?? "", 4 * hidden);
  return { byInput: gates, byState: gates, firstStates: states };
}

/** Full back-propagation through time. */
export const lstmGradient: GradientRule = recurrentGradient(["Sigmoid", "Tanh", "Tanh"], direction);
