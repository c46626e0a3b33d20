// What the gradients of `LSTM`, `GRU` and `RNN` share: directions, states, and products over all of time at once. What happens in one
// step is each operator's own.
import { type Dim, multiplyDims } from "../../graph/dim.ts";
import { integer } from "../../graph/graphEmitter.ts";
import { integerAttribute, knownDim, nodeText, textsAttribute } from "../../graph/modelGraph.ts";
import { directionsOf } from "../../graph/shapes/recurrent.ts";
import { turnAway } from "../../turnAway.ts";
import type { GradientContext, GradientRule } from "../gradientRule.ts";
import { writeTimeLoop } from "./timeLoop.ts";

/** One direction of a layer. Rows are time and batch together: `[time · batch, ...]`. */
export interface Direction {
  readonly context: GradientContext;
  readonly hidden: number;
  /** Weights `[gates · hidden, width]` and `[gates · hidden, hidden]`. */
  readonly weight: string;
  readonly recurrence: string;
  /** Both biases `[gates · hidden]`, where the layer has any. */
  readonly biases: readonly [string, string] | undefined;
  /** Inputs and states before each step, as rows. */
  readonly data: string;
  readonly before: string;
  /** States after each step, `[time, batch, hidden]`. */
  readonly after: string;
  /** What stood there a step before, `[time, batch, hidden]`: `start` `[1, batch, hidden]` before the first. */
  delayed(start: string, value: string): string;
  /** First state of the cell, `[1, batch, hidden]`; zeros where the model gives none. */
  firstCell(): string;
  /** `[time · batch, count]` to `[time, batch, count]`. */
  overTime(rows: string, count: number): string;
  /** `[time, batch, count]` to `[time · batch, count]`. */
  asRows(value: string, count: number): string;
  /**
   * Goes back through time with the gradient by the state, which is handed to each step with the states and slices of its own.
   *
   * @param loop every state has the width of the layer; `inputs` `[time, batch, ...]`; the step returns the gradients that it carries on, that by the state first, and outputs
   */
  backwards(loop: {
    readonly states: readonly string[];
    readonly inputs: readonly string[];
    readonly outputWidths: readonly number[];
    readonly step: (
      emit: GradientContext["emit"],
      stateGradient: string,
      states: readonly string[],
      slices: readonly string[],
    ) => { readonly states: readonly string[]; readonly outputs: readonly string[] };
  }): { readonly states: readonly string[]; readonly outputs: readonly string[] };
  /** Gradient by the last cell, or zeros. */
  lastCellGradient(): string;
  /** Goes forward through time. */
  forwards(loop: {
    readonly states: readonly string[];
    readonly inputs: readonly string[];
    readonly outputWidths: readonly number[];
    readonly step: Parameters<typeof writeTimeLoop>[1]["step"];
  }): { readonly outputs: readonly string[] };
}

/** Gradients of one direction: by what stands in front of the gates, as rows, and by the first states. */
export interface DirectionGradient {
  /** By `X Wᵀ + Wb`, `[time · batch, gates · hidden]`. */
  readonly byInput: string;
  /** By `H Rᵀ + Rb`, in the same shape; may be the same value. */
  readonly byState: string;
  /** Gradient by the recurrence, where it is not simply `byStateᵀ · before`. */
  readonly recurrence?: () => string;
  /** By the first state, and the first cell where there is one: `[1, batch, hidden]`. */
  readonly firstStates: readonly string[];
}

/** The rule of a recurrent layer. */
export function recurrentGradient(
  activations: readonly string[],
  gradientOf: (direction: Direction) => DirectionGradient,
): GradientRule {
  return (context) => {
    checkPlain(context, activations);
    const directions = directionsOf(context.node);
    const results = directions.map((isForward, index) =>
      oneDirection(context, directions.length, index, isForward, gradientOf),
    );
    const { emit } = context;
    const stacked = (parts: readonly (string | undefined)[]): string | undefined => {
      const given = parts.filter((part) => part !== undefined);
      if (given.length === 0) return undefined;
      return given.length === 1 ? given[0] : emit.node("Concat", given, { axis: integer(0) });
    };
    const [first, second] = results;
    const byData =
      second?.data === undefined || first?.data === undefined
        ? first?.data
        : emit.node("Add", [first.data, second.data]);
    return [
      byData,
      stacked(results.map((one) => one.weight)),
      stacked(results.map((one) => one.recurrence)),
      stacked(results.map((one) => one.bias)),
      undefined,
      stacked(results.map((one) => one.firstState)),
      stacked(results.map((one) => one.firstCell)),
    ];
  };
}

/** Turns away what changes the formulas. */
function checkPlain({ node }: GradientContext, activations: readonly string[]): void {
  const refuse = (what: string): never =>
    turnAway("model.operator_unsupported", `${nodeText(node)} ${what}, which has no gradient here`);
  const named = textsAttribute(node, "activations");
  const expected = directionsOf(node).flatMap(() => activations);
  if (named !== undefined && named.join().toLowerCase() !== expected.join().toLowerCase()) {
    refuse(`uses the activations ${named.join(", ")}`);
  }
  if (node.attributes.has("clip")) refuse("clips its gates");
  if (integerAttribute(node, "input_forget", 0) !== 0) refuse("couples input and forget gate");
  if ((node.inputs[4] ?? "") !== "") refuse("takes the length of each sequence");
  if (node.operator === "LSTM" && (node.inputs[7] ?? "") !== "") refuse("has peepholes");
}

function oneDirection(
  context: GradientContext,
  count: number,
  index: number,
  isForward: boolean,
  gradientOf: (direction: Direction) => DirectionGradient,
) {
  const { node, emit } = context;
  const [time, batch = 1, width = 1] = context.shapeOf(context.input(0));
  const length = knownDim(node, time, "the number of steps");
  if (length < 1) {
    turnAway("model.shape_invalid", `${nodeText(node)} has no step; use longer inputs`);
  }
  const columns = knownDim(node, width, "the number of inputs a step");
  const [, gates, hiddenDim] = context.shapeOf(context.input(2));
  const hidden = knownDim(node, hiddenDim, "the number of hidden units");
  const gateRows = knownDim(node, gates, "the number of gates");
  const open = (dim: Dim): number => (typeof dim === "number" ? dim : -1);

  /** This direction's part of a value, without or with its axis of directions. */
  const own = (value: string, axis: number): string =>
    count === 1
      ? emit.node("Squeeze", [value, emit.integers([axis])])
      : emit.node("Gather", [value, emit.integer(index)], { axis: integer(axis) });
  const ownState = (value: string): string =>
    count === 1
      ? value
      : emit.node("Gather", [value, emit.integers([index])], { axis: integer(0) });
  const zeroState = (): string => {
    if (typeof batch === "number")
      return emit.node("ConstantOfShape", [emit.integers([1, batch, hidden])]);
    const size = emit.node("Shape", [context.input(0)], { start: integer(1), end: integer(2) });
    const dims = [emit.integers([1]), size, emit.integers([hidden])];
    return emit.node("ConstantOfShape", [emit.node("Concat", dims, { axis: integer(0) })]);
  };
  const firstState = (input: number): string =>
    context.input(input) === "" ? zeroState() : ownState(context.input(input));
  const rowCount = open(multiplyDims([length, batch]));
  const asRows = (value: string, size: number): string =>
    emit.node("Reshape", [value, emit.integers([rowCount, size])]);
  const overTime = (rows: string, size: number): string =>
    emit.node("Reshape", [rows, emit.integers([length, open(batch), size])]);

  const after = own(context.requestOutput(0), 1);
  const first = firstState(5);
  const delayed = (start: string, value: string): string => {
    if (length === 1) return start;
    const kept = emit.node("Slice", [
      value,
      emit.integers([isForward ? 0 : 1]),
      emit.integers([isForward ? length - 1 : length]),
      emit.integers([0]),
    ]);
    return emit.node("Concat", isForward ? [start, kept] : [kept, start], { axis: integer(0) });
  };
  const bias = context.input(3);
  const biases = (): readonly [string, string] => {
    const halves = emit.nodeOf("Split", [own(bias, 0), emit.integers([gateRows, gateRows])], 2, {
      axis: integer(0),
    });
    return [halves[0] ?? "", halves[1] ?? ""];
  };
  const lastGradient = (output: number): string | undefined => {
    const gradient = context.gradientOf(output);
    return gradient === undefined ? undefined : ownState(gradient);
  };
  const byOutput = context.gradientOf(0);
  const byOwnOutput = byOutput === undefined ? undefined : own(byOutput, 1);
  const rows = asRows(context.input(0), columns);
  const rowsBefore = asRows(delayed(first, after), hidden);
  const weight = own(context.input(1), 0);
  const recurrence = own(context.input(2), 0);

  const found = gradientOf({
    context,
    hidden,
    weight,
    recurrence,
    biases: bias === "" ? undefined : biases(),
    data: rows,
    before: rowsBefore,
    after,
    firstCell: () => firstState(6),
    overTime,
    asRows,
    delayed,
    lastCellGradient: () => lastGradient(2) ?? zeroState(),
    backwards: ({ states, inputs, outputWidths, step }) =>
      writeTimeLoop(emit, {
        length,
        isForward: !isForward,
        batch,
        stateWidths: [hidden, ...states.map(() => hidden)],
        outputWidths,
        states: [lastGradient(1) ?? zeroState(), ...states],
        inputs: byOwnOutput === undefined ? inputs : [byOwnOutput, ...inputs],
        step: (inside, [carried = "", ...others], slices) => {
          if (byOwnOutput === undefined) return step(inside, carried, others, slices);
          const [arrived = "", ...rest] = slices;
          return step(inside, inside.node("Add", [arrived, carried]), others, rest);
        },
      }),
    forwards: (loop) =>
      writeTimeLoop(emit, {
        length,
        isForward,
        batch,
        stateWidths: loop.states.map(() => hidden),
        ...loop,
      }),
  });

  const product = (left: string, right: string): string =>
    emit.node("Gemm", [left, right], { transA: integer(1) });
  const direction = (value: string): string => emit.node("Unsqueeze", [value, emit.integers([0])]);
  const summed = (value: string): string =>
    emit.node("ReduceSum", [value, emit.integers([0])], { keepdims: integer(0) });
  const byBias = (): string => {
    const input = summed(found.byInput);
    const state = found.byState === found.byInput ? input : summed(found.byState);
    return direction(emit.node("Concat", [input, state], { axis: integer(0) }));
  };
  return {
    data: context.wants(0)
      ? overTime(emit.node("Gemm", [found.byInput, weight]), columns)
      : undefined,
    weight: context.wants(1) ? direction(product(found.byInput, rows)) : undefined,
    recurrence: context.wants(2)
      ? direction(found.recurrence?.() ?? product(found.byState, rowsBefore))
      : undefined,
    bias: context.wants(3) ? byBias() : undefined,
    firstState: context.wants(5) ? found.firstStates[0] : undefined,
    firstCell: context.wants(6) ? found.firstStates[1] : undefined,
  };
}
