// Models of the kinds that people have: whole losses against finite differences, for every scope that their operators allow.
import { unwrap } from "@attune/protocol";
import * as web from "onnxruntime-web/wasm";
import { describe, expect, it } from "vitest";
import { exportedModels } from "../../../test/exportedModels.ts";
import { modelGradientError, modelGradients } from "../../../test/modelCheck.ts";
import { compileFrontier } from "../frontier/compileFrontier.ts";
import type { ParameterScope } from "../parameters/parameterScope.ts";
import { reportPlan } from "../report/reportPlan.ts";
import { createOrtRuntime } from "../session/createOrtRuntime.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { compileServing } from "./compileServing.ts";
import { compileTraining } from "./compileTraining.ts";

const runtime = await loadNodeOrt();
const wasm = createOrtRuntime(web);
const usual = ["head", "bias", { lastLayers: 2 }, "all"] as const;

for (const {
  name,
  model,
  dims,
  scopes = usual,
  reported = scopes.at(-1) ?? "head",
  step,
  data: samples,
} of exportedModels) {
  describe(`a model: ${name}`, () => {
    for (const scope of scopes) {
      it(`[TC43] trains with scope ${JSON.stringify(scope)}`, async () => {
        const { worst, names } = await modelGradientError(runtime, {
          model,
          scope,
          ...(dims === undefined ? {} : { dims }),
          ...(step === undefined ? {} : { step }),
          ...(samples === undefined ? {} : { data: samples }),
        });
        expect(names.length).toBeGreaterThan(0);
        // A whole loss in float32, near the kinks of its ReLUs, is known no better.
        expect(worst).toBeLessThanOrEqual(5e-3);
      });
    }

    it("[TC43] is served, cut in front of its head, and reported before it is trained", async () => {
      const fixed = dims === undefined ? {} : { dims };
      const plan = (scope: ParameterScope) =>
        ({
          ...fixed,
          scope,
          loss: { kind: "meanSquaredError" },
          optimizer: { kind: "sgd" },
        }) as const;
      const cut = unwrap(compileFrontier(model, plan("head")));
      const graphs = [
        unwrap(compileServing(model, { ...fixed, scope: "head" })).graph,
        cut.features,
        cut.tail.epoch,
      ];
      for (const bytes of graphs) await (await runtime.load(bytes)).release();
      const most = unwrap(reportPlan(model, plan(reported)));
      expect(most.trainedCount).toBeGreaterThanOrEqual(
        unwrap(reportPlan(model, plan("head"))).trainedCount,
      );
    });

    it("[TC16] has the same gradients on WebAssembly", async () => {
      const check = {
        model,
        scope: scopes.at(-1) ?? "head",
        ...(dims === undefined ? {} : { dims }),
        ...(samples === undefined ? {} : { data: samples }),
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
