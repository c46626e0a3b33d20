// Random cases of recurrent layers. For tests only.
import fc from "fast-check";
import { integer } from "../../src/model/graph/graphEmitter.ts";
import type { GradientCase } from "../gradientCheck.ts";
import { seed, size, small } from "./draws.ts";

const recurrent = (operator: "GRU" | "LSTM" | "RNN", linearBeforeReset = 0, long = 0) =>
  fc
    .record({
      time: size(4),
      batch: size(2),
      width: size(3),
      hidden: size(3),
      direction: fc.constantFrom("forward", "reverse", "bidirectional"),
      hasBias: fc.boolean(),
      hasStates: fc.boolean(),
      isOpen: fc.boolean(),
      outputs: fc.shuffledSubarray(operator === "LSTM" ? [0, 1, 2] : [0, 1], { minLength: 1 }),
      seed,
    })
    .map((draw): GradientCase => {
      const { batch, width, hidden, hasBias, hasStates, seed: from } = draw;
      const time = draw.time + long;
      const directions = draw.direction === "bidirectional" ? 2 : 1;
      const rows = hidden * { GRU: 3, LSTM: 4, RNN: 1 }[operator];
      const state = (at: number) => small([directions, batch, hidden], from + at, 0.7);
      const states = operator === "LSTM" ? [state(4), state(5)] : [state(4)];
      return {
        operator,
        inputs: [
          small([time, batch, width], from, 1),
          small([directions, rows, width], from + 1, 0.8),
          small([directions, rows, hidden], from + 2, 0.8),
          ...(hasBias ? [small([directions, 2 * rows], from + 3, 0.5)] : [null]),
          ...(hasStates ? [null, ...states] : []),
        ],
        attributes: {
          direction: { kind: "text", value: draw.direction },
          hidden_size: integer(hidden),
          ...(linearBeforeReset === 1 ? { linear_before_reset: integer(1) } : {}),
        },
        outputs: [...draw.outputs].sort((a, b) => a - b),
        wanted: [
          0,
          1,
          2,
          ...(hasBias ? [3] : []),
          ...(hasStates ? states.map((_, index) => 5 + index) : []),
        ],
        // The batch is the second axis here, so the first is time, which is always known.
        hasOpenBatch: false,
        openAxis: draw.isOpen && !hasStates ? 1 : undefined,
        step: 0.04,
        isCurved: true,
      };
    });

/** Cases by operator. */
export const recurrentCases: Readonly<Record<string, readonly fc.Arbitrary<GradientCase>[]>> = {
  GRU: [recurrent("GRU", 0), recurrent("GRU", 1)],
  LSTM: [recurrent("LSTM")],
  RNN: [recurrent("RNN")],
};

/** Layers over so many steps that they are not written out. */
export const longRecurrentCases: Readonly<Record<string, fc.Arbitrary<GradientCase>>> = {
  GRU: recurrent("GRU", 0, 64),
  "GRU with linear_before_reset": recurrent("GRU", 1, 64),
  LSTM: recurrent("LSTM", 0, 64),
  RNN: recurrent("RNN", 0, 64),
};
