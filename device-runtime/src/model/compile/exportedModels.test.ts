// Models of the kinds that people have: whole losses against finite differences, for every scope that their operators allow.
import { describe, expect, it } from "vitest";
import { exportedModels } from "../../../test/exportedModels.ts";
import { modelGradientError } from "../../../test/modelCheck.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { compileTraining } from "./compileTraining.ts";

const runtime = await loadNodeOrt();
const usual = ["head", "bias", { lastLayers: 2 }, "all"] as const;

for (const { name, model, dims, scopes = usual, refused, step } of exportedModels) {
  describe(name, () => {
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
    if (refused !== undefined) {
      it("[TC43] is refused by name where an operator stands in the way", () => {
        const outcome = compileTraining(model, {
          scope: "all",
          loss: { kind: "meanSquaredError" },
          optimizer: { kind: "sgd" },
        });
        expect(outcome.ok ? "" : outcome.refusal.message).toContain(refused);
      });
    }
  });
}
