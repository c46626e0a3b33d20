// The engine behind its port: what we rely on, what we avoid and why, and that Node and WebAssembly agree.
import { Defect, elementCount, Fault, type ParameterTensor, unwrap } from "@attune/protocol";
import * as web from "onnxruntime-web/wasm";
import { describe, expect, it } from "vitest";
import { readParityCase, relativeDifference } from "../../../test/torchParityCase.ts";
import { compileServing } from "../compile/compileServing.ts";
import { compileTraining } from "../compile/compileTraining.ts";
import { readParameters } from "../parameters/parameterBytes.ts";
import { createOrtRuntime } from "./createOrtRuntime.ts";
import { createPredictor } from "./createPredictor.ts";
import { createTrainer } from "./createTrainer.ts";
import { loadNodeOrt } from "./nodeOrtRuntime.ts";

const node = await loadNodeOrt();
const wasm = createOrtRuntime(web);
describe("engines", () => {
  for (const name of ["mlp", "cnn1d"]) {
    const parity = readParityCase(name);
    for (const [optimizer, run] of parity.runs) {
      it(`[TC16] ${name} ${optimizer}: WebAssembly trains to what PyTorch gives, and to what Node gives`, async () => {
        const compiled = unwrap(
          compileTraining(parity.model, {
            scope: "all",
            loss: { kind: "crossEntropy" },
            optimizer: run.optimizer,
          }),
        );
        const final: (readonly ParameterTensor[])[] = [];
        for (const engine of [node, wasm]) {
          const trainer = await createTrainer(engine, compiled);
          const { state, losses } = await trainer.run(
            trainer.begin(unwrap(readParameters(parity.model))),
            {
              stepCount: parity.steps,
              batchSize: parity.batch,
              data: parity.data,
              truth: parity.labels,
              learningRate: run.learningRate,
            },
          );
          expect(relativeDifference(losses, run.losses)).toBeLessThanOrEqual(1e-4);
          final.push(state.parameters);
          await trainer.release();
        }
        final[0]?.forEach(({ data }, index) => {
          expect(relativeDifference(final[1]?.[index]?.data ?? [], data)).toBeLessThanOrEqual(1e-5);
        });
      });
    }
  }

  it("[TC15] results are the caller's own: the next run changes neither them nor what was fed", async () => {
    const parity = readParityCase("mlp");
    const compiled = unwrap(
      compileTraining(parity.model, {
        scope: "all",
        loss: { kind: "crossEntropy" },
        optimizer: { kind: "momentum" },
      }),
    );
    for (const engine of [node, wasm]) {
      const trainer = await createTrainer(engine, compiled);
      const slice = {
        stepCount: parity.steps,
        batchSize: parity.batch,
        data: parity.data,
        truth: parity.labels,
        learningRate: 0.1,
      };
      const first = await trainer.run(trainer.begin(unwrap(readParameters(parity.model))), slice);
      const kept = structuredClone(first);
      const second = await trainer.run(first.state, slice);
      expect(first).toEqual(kept);
      expect(second.state.parameters).not.toEqual(first.state.parameters);
      await trainer.release();
    }
  });

  it("[TC15] predictions that overlap give what they give alone", async () => {
    const parity = readParityCase("cnn1d");
    const compiled = unwrap(compileServing(parity.model));
    const size = parity.batch * elementCount(parity.inputShape);
    for (const engine of [node, wasm]) {
      const predictor = await createPredictor(engine, compiled);
      const predict = async (step: number): Promise<Float32Array> => {
        const logits = new Float32Array(parity.batch * compiled.logitCount);
        const data = parity.data.subarray(step * size, (step + 1) * size);
        await predictor.predict(data, parity.batch, [], { logits });
        return logits;
      };
      const steps = Array.from({ length: parity.steps }, (_, step) => step);
      const together = await Promise.all(steps.map(predict));
      for (const step of steps) expect(together[step]).toEqual(await predict(step));
      await predictor.release();
    }
  });

  it("[TC15] WebAssembly runs on one thread, unless the app has set another number", () => {
    const threadsAfter = (flags: { numThreads?: number }): number | undefined => {
      createOrtRuntime({ ...web, env: { wasm: flags } });
      return flags.numThreads;
    };
    expect(threadsAfter({})).toBe(1);
    expect(threadsAfter({ numThreads: 2 })).toBe(2);
  });

  it("[TC15] a graph that does not load and a run that fails are faults with a hint and a cause", async () => {
    for (const engine of [node, wasm]) {
      const load = await engine.load(Uint8Array.of(1, 2, 3)).catch((error: unknown) => error);
      expect(load).toBeInstanceOf(Fault);
      expect(load).toMatchObject({ code: "ort.graph_not_loadable" });
      expect((load as Fault).hint).not.toBe("");
      const graph = await engine.load(unwrap(compileServing(readParityCase("mlp").model)).graph);
      const run = await graph.run({}, ["output"]).catch((error: unknown) => error);
      expect(run).toBeInstanceOf(Fault);
      expect(run).toMatchObject({ code: "ort.run_failed" });
      expect((run as Fault).cause).toBeDefined();
      await graph.release();
    }
  });
});

describe("wrong calls are defects", () => {
  const parity = readParityCase("mlp");
  const parameters = unwrap(readParameters(parity.model));

  it("[TC15] of a trainer", async () => {
    const compile = (sampleWeights: boolean) =>
      unwrap(
        compileTraining(parity.model, {
          scope: "all",
          loss: { kind: "crossEntropy", sampleWeights },
          optimizer: { kind: "momentum" },
        }),
      );
    const trainer = await createTrainer(node, compile(false));
    const weighing = await createTrainer(node, compile(true));
    const begun = trainer.begin(parameters);
    const slice = {
      stepCount: 1,
      batchSize: 2,
      data: new Float32Array(24),
      truth: Int32Array.of(0, 1),
      learningRate: 0.1,
    };
    const code = async (work: () => unknown): Promise<string> => {
      try {
        await work();
        return "";
      } catch (error) {
        return error instanceof Defect ? error.code : String(error);
      }
    };
    expect(await code(() => trainer.run(begun, slice))).toBe("");
    const wrongShapes = [
      { ...slice, stepCount: 0 },
      { ...slice, stepCount: 2 },
      { ...slice, data: new Float32Array(23) },
      { ...slice, truth: Int32Array.of(0) },
      { ...slice, learningRate: new Float32Array(2) },
    ];
    for (const wrong of wrongShapes) {
      expect(await code(() => trainer.run(begun, wrong))).toBe("trainer.shape_mismatch");
    }
    for (const label of [-1, 5]) {
      const wrong = { ...slice, truth: Int32Array.of(0, label) };
      expect(await code(() => trainer.run(begun, wrong))).toBe("trainer.label_invalid");
    }
    const weights = (values: number[]) => ({ ...slice, sampleWeights: Float32Array.from(values) });
    expect(await code(() => trainer.run(begun, weights([1, 1])))).toBe("trainer.weight_invalid");
    expect(await code(() => weighing.run(begun, slice))).toBe("trainer.weight_invalid");
    expect(await code(() => weighing.run(begun, weights([1, -1])))).toBe("trainer.weight_invalid");
    expect(await code(() => weighing.run(begun, weights([1, Number.NaN])))).toBe(
      "trainer.weight_invalid",
    );
    expect(await code(() => weighing.run(begun, weights([1, 1])))).toBe("");
    expect(await code(() => trainer.begin(parameters.slice(1)))).toBe("trainer.parameter_missing");
    const short = parameters.map((one) => ({ ...one, data: one.data.subarray(1) }));
    expect(await code(() => trainer.begin(short))).toBe("trainer.shape_mismatch");
    const rate = { ...slice, learningRate: Number.NaN };
    expect(await code(() => trainer.run(begun, rate))).toBe("trainer.rate_invalid");
    const share = await createTrainer(
      node,
      unwrap(
        compileTraining(parity.model, {
          scope: "head",
          loss: { kind: "binaryCrossEntropy" },
          optimizer: { kind: "sgd" },
        }),
      ),
    );
    const shares = (value: number) => {
      const count = 2 * elementCount(share.compiled.truth.dims);
      return { ...slice, truth: new Float32Array(count).fill(value) };
    };
    const first = share.begin(parameters);
    expect(await code(() => share.run(first, shares(1)))).toBe("");
    for (const value of [-0.1, 1.1, Number.NaN]) {
      expect(await code(() => share.run(first, shares(value)))).toBe("trainer.target_invalid");
    }
    await share.release();
    expect(await code(() => trainer.run({ ...begun, optimizer: [] }, slice))).toBe(
      "trainer.parameter_missing",
    );
    await trainer.release();
    await weighing.release();
  });

  it("[TC15] of a predictor", async () => {
    const predictor = await createPredictor(
      node,
      unwrap(compileServing(parity.model, { scope: "head" })),
    );
    const data = new Float32Array(24);
    const logits = new Float32Array(10);
    await predictor.predict(data, 2, parameters, { logits });
    await expect(predictor.predict(data, 3, parameters, { logits })).rejects.toThrow(
      /predictor\.shape_mismatch/,
    );
    await expect(
      predictor.predict(data, 2, parameters, { logits: new Float32Array(9) }),
    ).rejects.toThrow(/predictor\.shape_mismatch/);
    await expect(predictor.predict(data, 2, [], { logits })).rejects.toThrow(
      /predictor\.parameter_missing/,
    );
    await predictor.release();
  });
});
