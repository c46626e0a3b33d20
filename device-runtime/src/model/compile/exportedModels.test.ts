// Models of the kinds that people have: whole losses against finite differences, for every scope that their operators allow.
import * as web from "onnxruntime-web/wasm";
import { describe, expect, it } from "vitest";
import { exportedModels } from "../../../test/exportedModels.ts";
import { modelGradientError, modelGradients } from "../../../test/modelCheck.ts";
import { createOrtRuntime } from "../session/createOrtRuntime.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { compileTraining } from "./compileTraining.ts";

const runtime = await loadNodeOrt();
const wasm = createOrtRuntime(web);
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

    it("[TC16] has the same gradients on WebAssembly", async () => {
      const check = {
        model,
        scope: scopes.at(-1) ?? "head",
        ...(dims === undefined ? {} : { dims }),
      };
      const [here, there] = [
        await modelGradients(runtime, check),
        await modelGradients(wasm, check),
      ];
      const largest = Math.max(...here.flatMap(({ data }) => Array.from(data, Math.abs)));
      here.forEach(({ data }, index) => {
        const other = there[index]?.data ?? new Float32Array();
        expect(other).toHaveLength(data.length);
        const apart = data.map((value, at) => Math.abs(value - (other[at] ?? 0)));
        expect(Math.max(...apart)).toBeLessThanOrEqual(1e-5 * largest);
      });
    });
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
