// Operations that can be written in several forms: whichever is taken, the gradient is the same.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { elementwiseCases } from "../../../test/gradientCases/elementwiseCases.ts";
import { windowCases } from "../../../test/gradientCases/windowCases.ts";
import { gradientError, joinedGradients, offeredForms } from "../../../test/gradientCheck.ts";
import { relativeDifference } from "../../../test/torchParityCase.ts";
import { type LoweredOperation, loweredOperations } from "../lowering/lowering.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";

const runtime = await loadNodeOrt();

/** Operators whose gradients have these operations. */
const operatorsOf: Readonly<Record<LoweredOperation, readonly string[]>> = {
  "averagePool.data": ["AveragePool"],
  conv: ["Conv"],
  "conv.data": ["Conv"],
  "conv.weight": ["Conv", "ConvTranspose"],
  "maxPool.data": ["MaxPool"],
  "relu.data": ["Relu"],
};

const cases = { ...elementwiseCases, ...windowCases };

describe("forms", () => {
  for (const [operation, forms] of Object.entries(loweredOperations)) {
    it(`[TC51] ${operation}: ${forms.join(", ")} agree, and equal finite differences`, async () => {
      const taken = new Map(forms.map((form) => [form, 0]));
      const operators = operatorsOf[operation as LoweredOperation];
      for (const arbitrary of operators.flatMap((operator) => cases[operator] ?? [])) {
        await fc.assert(
          fc.asyncProperty(arbitrary, async (check) => {
            const offered = offeredForms(check).get(operation) ?? [];
            const expected = await joinedGradients(runtime, check);
            for (const form of offered) {
              taken.set(form, (taken.get(form) ?? 0) + 1);
              const own = { ...check, lowering: { forms: { conv: "direct", [operation]: form } } };
              const found = await joinedGradients(runtime, own);
              expect(relativeDifference(found, expected), form).toBeLessThanOrEqual(1e-5);
            }
            const error = offered.length > 1 ? await gradientError(runtime, check) : 0;
            expect(error).toBeLessThanOrEqual(1e-3);
          }),
          { numRuns: 25, seed: 45 },
        );
      }
      for (const [form, count] of taken) expect(count, form).toBeGreaterThanOrEqual(4);
    });
  }
});
