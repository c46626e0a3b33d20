// Gradient of `GRU` through time.
import { integer } from "../../graph/graphEmitter.ts";
import { integerAttribute } from "../../graph/modelGraph.ts";
import type { GradientRule } from "../gradientRule.ts";
import { type Direction, type DirectionGradient, recurrentGradient } from "./recurrentGradient.ts";

/** Gates of all steps, as rows, and factors that both forms of the layer share. */
function gatesOf(layer: Direction) {
  const { context, hidden, weight, recurrence, biases } = layer;
  const { emit } = context;
  const flipped = { transB: integer(1) };
  const [inputBias, stateBias] = biases ?? [];
  const withBias = (bias: string | undefined): string[] => (bias === undefined ? [] : [bias]);
  const twoAndOne = emit.integers([2 * hidden, hidden]);
  const fromInput = emit.node("Gemm", [layer.data, weight, ...withBias(inputBias)], flipped);
  const [inputGates = "", inputCandidate = ""] = emit.nodeOf("Split", [fromInput, twoAndOne], 2, {
    axis: integer(-1),
  });
  const [gateRecurrence = "", candidateRecurrence = ""] = emit.nodeOf(
    "Split",
    [recurrence, twoAndOne],
    2,
    { axis: integer(0) },
  );
  const [gateBias, candidateBias] =
    stateBias === undefined
      ? []
      : emit.nodeOf("Split", [stateBias, twoAndOne], 2, { axis: integer(0) });
  const fromState = (rows: string, matrix: string, bias: string | undefined): string =>
    emit.node("Gemm", [rows, matrix, ...withBias(bias)], flipped);
  const open = emit.node("Sigmoid", [
    emit.node("Add", [inputGates, fromState(layer.before, gateRecurrence, gateBias)]),
  ]);
  const [update = "", reset = ""] = emit.nodeOf(
    "Split",
    [open, emit.integers([hidden, hidden])],
    2,
    {
      axis: integer(-1),
    },
  );
  return {
    inputCandidate,
    gateRecurrence,
    candidateRecurrence,
    candidateBias,
    fromState,
    update,
    reset,
  };
}

/**
 * With update z, reset r, candidate n = tanh(a) and H' = (1 - z) n + z H:
 *
 *     dz = dH' (H - n) z (1 - z)      da = dH' (1 - z)(1 - n²)      dH = dH' z + ...
 */
function direction(layer: Direction): DirectionGradient {
  return integerAttribute(layer.context.node, "linear_before_reset", 0) === 0
    ? resetBefore(layer)
    : resetBehind(layer);
}

function shared(layer: Direction, update: string, candidate: string) {
  const { emit } = layer.context;
  const one = emit.scalar(1);
  const times = (...values: string[]): string =>
    values.reduce((left, right) => emit.node("Mul", [left, right]));
  const rest = (value: string): string => emit.node("Sub", [one, value]);
  const slope = (value: string): string => times(value, rest(value));
  return {
    times,
    slope,
    byUpdate: times(emit.node("Sub", [layer.before, candidate]), slope(update)),
    byCandidate: times(rest(update), rest(times(candidate, candidate))),
  };
}

/** `linear_before_reset=1`: a = X W + r (H R + b). One product a step goes back to the state. */
function resetBehind(layer: Direction): DirectionGradient {
  const { context, hidden, recurrence } = layer;
  const { emit } = context;
  const { inputCandidate, candidateRecurrence, candidateBias, fromState, update, reset } =
    gatesOf(layer);
  const fromBefore = fromState(layer.before, candidateRecurrence, candidateBias);
  const candidate = emit.node("Tanh", [
    emit.node("Add", [inputCandidate, emit.node("Mul", [reset, fromBefore])]),
  ]);
  const { times, slope, byUpdate, byCandidate } = shared(layer, update, candidate);
  const byReset = times(byCandidate, fromBefore, slope(reset));
  const joined = (parts: readonly string[]): string =>
    emit.node("Concat", parts, { axis: integer(-1) });
  const stateFactors = joined([byUpdate, byReset, times(byCandidate, reset)]);
  const { states, outputs } = layer.backwards({
    states: [],
    inputs: [layer.overTime(stateFactors, 3 * hidden), layer.overTime(update, hidden)],
    outputWidths: [3 * hidden, hidden],
    step: (inside, stateGradient, _, [factors = "", kept = ""]) => {
      const sources = inside.node("Concat", [stateGradient, stateGradient, stateGradient], {
        axis: integer(-1),
      });
      const gates = inside.node("Mul", [sources, factors]);
      const through = inside.node("MatMul", [gates, recurrence]);
      const past = inside.node("Mul", [stateGradient, kept]);
      return {
        states: [inside.node("Add", [past, through])],
        outputs: [gates, inside.node("Identity", [stateGradient])],
      };
    },
  });
  const byState = layer.asRows(outputs[0] ?? "", 3 * hidden);
  const stateGradients = layer.asRows(outputs[1] ?? "", hidden);
  const [gates = ""] = emit.nodeOf("Split", [byState, emit.integers([2 * hidden, hidden])], 2, {
    axis: integer(-1),
  });
  return {
    byInput: joined([gates, times(stateGradients, byCandidate)]),
    byState,
    firstStates: states,
  };
}

/** `linear_before_reset=0`: a = X W + (r H) R + b. The reset gate waits for the candidate's product, so a step has two. */
function resetBefore(layer: Direction): DirectionGradient {
  const { context, hidden } = layer;
  const { emit } = context;
  const {
    inputCandidate,
    gateRecurrence,
    candidateRecurrence,
    candidateBias,
    fromState,
    update,
    reset,
  } = gatesOf(layer);
  const shortened = emit.node("Mul", [reset, layer.before]);
  const candidate = emit.node("Tanh", [
    emit.node("Add", [inputCandidate, fromState(shortened, candidateRecurrence, candidateBias)]),
  ]);
  const { times, slope, byUpdate, byCandidate } = shared(layer, update, candidate);
  const byReset = times(layer.before, slope(reset));
  const { states, outputs } = layer.backwards({
    states: [],
    inputs: [byUpdate, byReset, byCandidate, reset, update].map((factor) =>
      layer.overTime(factor, hidden),
    ),
    outputWidths: [3 * hidden],
    step: (inside, stateGradient, _, slices) => {
      const [toUpdate = "", toReset = "", toCandidate = "", opened = "", kept = ""] = slices;
      const byA = inside.node("Mul", [stateGradient, toCandidate]);
      const byShortened = inside.node("MatMul", [byA, candidateRecurrence]);
      const gates = inside.node(
        "Concat",
        [inside.node("Mul", [stateGradient, toUpdate]), inside.node("Mul", [byShortened, toReset])],
        { axis: integer(-1) },
      );
      const ways = [
        inside.node("Mul", [stateGradient, kept]),
        inside.node("Mul", [byShortened, opened]),
        inside.node("MatMul", [gates, gateRecurrence]),
      ];
      return {
        states: [ways.reduce((sum, way) => inside.node("Add", [sum, way]))],
        outputs: [inside.node("Concat", [gates, byA], { axis: integer(-1) })],
      };
    },
  });
  const gates = layer.asRows(outputs[0] ?? "", 3 * hidden);
  const recurrence = (): string => {
    const [byGates = "", byA = ""] = emit.nodeOf(
      "Split",
      [gates, emit.integers([2 * hidden, hidden])],
      2,
      { axis: integer(-1) },
    );
    const product = (left: string, right: string): string =>
      emit.node("Gemm", [left, right], { transA: integer(1) });
    return emit.node("Concat", [product(byGates, layer.before), product(byA, shortened)], {
      axis: integer(0),
    });
  };
  return { byInput: gates, byState: gates, recurrence, firstStates: states };
}

/** Full back-propagation through time. */
export const gruGradient: GradientRule = recurrentGradient(["Sigmoid", "Tanh"], direction);
