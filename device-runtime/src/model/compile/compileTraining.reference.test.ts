// Compiled training against PyTorch, step by step and in one Scan.
import { elementCount, type ParameterTensor, unwrap } from "@attune/protocol";
import { describe, expect, it } from "vitest";
import { parityCase, parityNames } from "../../../test/parityCases.ts";
import { runStep } from "../../../test/stepRunner.ts";
import { relativeDifference, withoutKeyBias } from "../../../test/torchParityCase.ts";
import { readParameters } from "../parameters/parameterBytes.ts";
import { createPredictor } from "../session/createPredictor.ts";
import { createTrainer } from "../session/createTrainer.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";
import { compileServing } from "./compileServing.ts";
import { compileTraining } from "./compileTraining.ts";

const runtime = await loadNodeOrt();

/** Largest difference of any tensor, by name. */
function worst(found: readonly ParameterTensor[], expected: readonly ParameterTensor[]): number {
  return Math.max(
    ...expected.map(({ name, data }) =>
      relativeDifference(found.find((tensor) => tensor.name === name)?.data ?? [], data),
    ),
  );
}

for (const name of parityNames) {
  const parity = parityCase(name);
  const sample = elementCount(parity.inputShape);
  const parameters = unwrap(readParameters(parity.model));

  describe(`${name} against PyTorch 1.13`, () => {
    it("[TC6] logits", async () => {
      const predictor = await createPredictor(runtime, unwrap(compileServing(parity.model)));
      const logits = new Float32Array(parity.logits.length);
      await predictor.predict(parity.data, parity.batch, [], { logits });
      await predictor.release();
      expect(relativeDifference(logits, parity.logits)).toBeLessThanOrEqual(1e-5);
    });

    for (const [optimizer, run] of parity.runs) {
      const compiled = unwrap(
        compileTraining(parity.model, {
          scope: "all",
          loss: { kind: "crossEntropy" },
          optimizer: run.optimizer,
        }),
      );

      it(`[TC6] ${optimizer}: gradients, losses and final parameters, step by step`, async () => {
        const graph = await runtime.load(compiled.step);
        const trainer = await createTrainer(runtime, compiled);
        let state = trainer.begin(parameters);
        const losses: number[] = [];
        let gradients: readonly ParameterTensor[] = [];
        for (let step = 0; step < parity.steps; step += 1) {
          const from = step * parity.batch;
          const result = await runStep(graph, compiled, state, {
            batchSize: parity.batch,
            data: parity.data.subarray(from * sample, (from + parity.batch) * sample),
            truth: parity.labels.subarray(from, from + parity.batch),
            learningRate: run.learningRate,
          });
          if (step === 0) gradients = result.gradients;
          losses.push(result.loss);
          state = result.state;
        }
        await graph.release();
        await trainer.release();
        expect(worst(gradients, parity.gradients)).toBeLessThanOrEqual(1e-5);
        expect(relativeDifference(losses, run.losses)).toBeLessThanOrEqual(1e-4);
        expect(
          worst(withoutKeyBias(state.parameters), withoutKeyBias(run.final)),
        ).toBeLessThanOrEqual(1e-4);
        expect(worst(state.parameters, run.final)).toBeLessThanOrEqual(
          name === "transformer" ? 5e-3 : 1e-4,
        );
      });

      it(`[TC6] ${optimizer}: losses and final parameters, one Scan`, async () => {
        const trainer = await createTrainer(runtime, compiled);
        const { state, losses } = await trainer.run(trainer.begin(parameters), {
          stepCount: parity.steps,
          batchSize: parity.batch,
          data: parity.data,
          truth: parity.labels,
          learningRate: run.learningRate,
        });
        await trainer.release();
        expect(relativeDifference(losses, run.losses)).toBeLessThanOrEqual(1e-4);
        expect(
          worst(withoutKeyBias(state.parameters), withoutKeyBias(run.final)),
        ).toBeLessThanOrEqual(1e-4);
        expect(worst(state.parameters, run.final)).toBeLessThanOrEqual(
          name === "transformer" ? 5e-3 : 1e-4,
        );
      });
    }
  });
}
