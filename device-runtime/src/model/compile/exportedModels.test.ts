// Models of the kinds that people have: whole losses against finite differences, for every scope that their operators allow.
import { describe, expect, it } from "vitest";
import { exportedModels } from "../../../test/exportedModels.ts";
import { modelGradientError } from "../../../test/modelCheck.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { compileTraining } from "./compileTraining.ts";

const runtime = await loadNodeOrt();
const usual = ["head", "bias", { lastLayers: 2 }, "all"] as const;

for (const { name, model, dims, scopes = usual, step } of exportedModels) {
  describe(`a model: ${name}`, () => {
    for (const scope of scopes) {
      it(`[TC43] trains with scope ${JSON.stringify(scope)}`, async () => {
        const { worst, names } = await modelGradientError(runtime, {
          model,
          scope,
          ...(dims === undefined ? {} : { dims }),
          ...(step === undefined ? {} : { step }),
        });
        expect(names.length).toBeGreaterThan(0);
        // A whole loss in float32, near the kinks of its ReLUs, is known no better.
        expect(worst).toBeLessThanOrEqual(5e-3);
      });
    }
  });
}

it("[TC43] an operator that stands in the way is named", () => {
  const { model, refused = "" } = exportedModels.find((one) => one.refused !== undefined) ?? {};
  const outcome = compileTraining(model ?? new Uint8Array(), {
    scope: "all",
    loss: { kind: "meanSquaredError" },
    optimizer: { kind: "sgd" },
  });
  expect(refused).not.toBe("");
  expect(outcome.ok ? "" : outcome.refusal.message).toContain(refused);
});
