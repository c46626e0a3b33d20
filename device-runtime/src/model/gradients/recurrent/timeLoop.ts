// A computation that goes step by step through time: written out step by step where time is short, as a `Scan` where it is long.
import { type Dim, dimText } from "../../graph/dim.ts";
import {
  createGraphEmitter,
  type GraphEmitter,
  integer,
  integers,
} from "../../graph/graphEmitter.ts";
import { writeGraph } from "../../onnx/modelFile.ts";
import type { OnnxAttribute } from "../../onnx/nodeMessage.ts";
import { writeValue } from "../../onnx/valueMessage.ts";

/** What one step makes of its states and of its slices of the inputs. */
export interface TimeStep {
  readonly states: readonly string[];
  readonly outputs: readonly string[];
}

/** A loop over time. */
export interface TimeLoop {
  /** Number of steps. */
  readonly length: number;
  /** Whether time goes on or back. */
  readonly isForward: boolean;
  readonly batch: Dim;
  /** Sizes of the last axis of each state, and of each output. */
  readonly stateWidths: readonly number[];
  readonly outputWidths: readonly number[];
  /** First states, each `[1, batch, width]`. */
  readonly states: readonly string[];
  /** Inputs, each `[time, batch, width]`. */
  readonly inputs: readonly string[];
  /**
   * Writes a step. States and slices are `[1, batch, width]` written out and `[batch, width]` in a `Scan`, so axes count from the end. It may
   * read values of the graph around it, but none that is an input of that graph or one of its outputs: those change their names. Two results must not be one value, nor a result a
   * state: `Identity` tells them apart.
   */
  readonly step: (
    emit: GraphEmitter,
    states: readonly string[],
    slices: readonly string[],
  ) => TimeStep;
}

/** Last states, each `[1, batch, width]`, and outputs of all steps, each `[time, batch, width]`, in the order of time. */
export interface TimeLoopResult {
  readonly states: readonly string[];
  readonly outputs: readonly string[];
}

/**
 * Steps up to which a loop is written out. Both ways take ONNX Runtime the same time (a GRU of 12 to 64 steps: within the noise). Written
 * out, a loop also runs where there is no `Scan`, as on WebGPU, and shows what memory it takes; as a `Scan` the graph stays small.
 */
const WRITTEN_OUT_STEPS_MAX = 64;

/** Writes a loop. */
export function writeTimeLoop(emit: GraphEmitter, loop: TimeLoop): TimeLoopResult {
  return loop.length <= WRITTEN_OUT_STEPS_MAX ? writtenOut(emit, loop) : scanned(emit, loop);
}

function writtenOut(
  emit: GraphEmitter,
  { length, isForward, inputs, ...loop }: TimeLoop,
): TimeLoopResult {
  const ones = emit.integers(Array.from({ length }, () => 1));
  const slices = inputs.map((input) =>
    length === 1 ? [input] : emit.nodeOf("Split", [input, ones], length, { axis: integer(0) }),
  );
  let { states } = loop;
  const outputs: (readonly string[])[] = [];
  for (let done = 0; done < length; done += 1) {
    const at = isForward ? done : length - 1 - done;
    const step = loop.step(
      emit,
      states,
      slices.map((steps) => steps[at] ?? ""),
    );
    states = step.states;
    outputs[at] = step.outputs;
  }
  const stacked = (outputs[0] ?? []).map((first, index) =>
    length === 1
      ? first
      : emit.node(
          "Concat",
          outputs.map((step) => step[index] ?? ""),
          { axis: integer(0) },
        ),
  );
  return { states, outputs: stacked };
}

function scanned(emit: GraphEmitter, { isForward, inputs, ...loop }: TimeLoop): TimeLoopResult {
  // A fresh name as prefix: nothing around the body has names that begin with it.
  const inside = createGraphEmitter(`${emit.fresh()}:`);
  const states = loop.states.map(inside.fresh);
  const slices = inputs.map(inside.fresh);
  const step = loop.step(inside, states, slices);
  // A `Scan` asks for the shapes of what its body gives.
  const batch = typeof loop.batch === "number" ? loop.batch : dimText(loop.batch);
  const declare = (names: readonly string[], widths: readonly number[]): Uint8Array[] =>
    names.map((name, index) => writeValue(name, "float32", [batch, widths[index] ?? 1]));
  const body = writeGraph({
    name: "time",
    nodes: inside.nodes,
    initializers: inside.constants,
    inputs: [
      ...declare(states, loop.stateWidths),
      ...slices.map((name) => writeValue(name, "float32", undefined)),
    ],
    outputs: [
      ...declare(step.states, loop.stateWidths),
      ...declare(step.outputs, loop.outputWidths),
    ],
  });
  const way = (count: number) => integers(Array.from({ length: count }, () => (isForward ? 0 : 1)));
  const attributes: Record<string, OnnxAttribute> = {
    body: { kind: "graph", value: body },
    num_scan_inputs: integer(inputs.length),
    scan_input_directions: way(inputs.length),
    scan_output_directions: way(step.outputs.length),
  };
  const front = emit.integers([0]);
  const first = loop.states.map((state) => emit.node("Squeeze", [state, front]));
  const results = emit.nodeOf(
    "Scan",
    [...first, ...inputs],
    step.states.length + step.outputs.length,
    attributes,
  );
  return {
    states: results
      .slice(0, step.states.length)
      .map((state) => emit.node("Unsqueeze", [state, front])),
    outputs: results.slice(step.states.length),
  };
}
