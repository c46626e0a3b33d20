// Every gradient rule against finite differences, over random shapes and settings.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { elementwiseCases } from "../../../test/gradientCases/elementwiseCases.ts";
import { movementCases } from "../../../test/gradientCases/movementCases.ts";
import { normalizationCases } from "../../../test/gradientCases/normalizationCases.ts";
import { productCases } from "../../../test/gradientCases/productCases.ts";
import { longRecurrentCases, recurrentCases } from "../../../test/gradientCases/recurrentCases.ts";
import { reductionCases } from "../../../test/gradientCases/reductionCases.ts";
import { windowCases } from "../../../test/gradientCases/windowCases.ts";
import { type GradientCase, gradientError } from "../../../test/gradientCheck.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { gradientRules } from "./gradientRules.ts";

const runtime = await loadNodeOrt();
const TOLERANCE = 1e-3;

const cases: Readonly<Record<string, readonly fc.Arbitrary<GradientCase>[]>> = {
  ...elementwiseCases,
  ...movementCases,
  ...normalizationCases,
  ...productCases,
  ...recurrentCases,
  ...reductionCases,
  ...windowCases,
};

/** The same case as another operator set writes it. */
function inOperatorSet(check: GradientCase, opset: number): GradientCase {
  const { axes, ...attributes } = check.attributes ?? {};
  // Since operator set 18 the axes of reductions are an input.
  return check.operator.startsWith("Reduce") && opset >= 18 && axes?.kind === "integers"
    ? { ...check, opset, attributes, inputs: [...check.inputs, axes.value] }
    : // Training mode is an attribute since operator set 14.
      { ...check, opset: attributes.training_mode === undefined ? opset : Math.max(opset, 14) };
}

describe("gradients against finite differences", () => {
  it("[TC5] every rule has a case here", () => {
    // Straight through a rounding is no derivative: `straightThrough.test.ts` says what it is.
    const others = ["DequantizeLinear", "QuantizeLinear"];
    expect([...Object.keys(cases), ...others].sort()).toEqual([...gradientRules.keys()].sort());
  });

  for (const [operator, arbitraries] of Object.entries(cases)) {
    it(`[TC5] ${operator}`, async () => {
      for (const arbitrary of arbitraries) {
        await fc.assert(
          fc.asyncProperty(arbitrary, async (check) => {
            expect(await gradientError(runtime, check)).toBeLessThanOrEqual(TOLERANCE);
          }),
          { numRuns: 15, seed: 5 },
        );
        for (const opset of [13, 20, 21]) {
          await fc.assert(
            fc.asyncProperty(arbitrary, async (check) => {
              const own = inOperatorSet(check, opset);
              expect(await gradientError(runtime, own)).toBeLessThanOrEqual(TOLERANCE);
            }),
            { numRuns: 1, seed: opset },
          );
        }
      }
    });
  }

  for (const [layer, arbitrary] of Object.entries(longRecurrentCases)) {
    it(`[TC5] ${layer} over a long time`, async () => {
      await fc.assert(
        fc.asyncProperty(arbitrary, async (check) => {
          expect(await gradientError(runtime, check)).toBeLessThanOrEqual(TOLERANCE);
        }),
        { numRuns: 4, seed: 5 },
      );
    });
  }
});
