// Training through a rounding: the gradient passes where the rounding holds, and stops where the integers end.
import { unwrap } from "@attune/protocol";
import { expect, it } from "vitest";
import { createModelWriter } from "../../../test/modelWriter.ts";
import { runStep } from "../../../test/stepRunner.ts";
import { compileTraining } from "../compile/compileTraining.ts";
import { readParameters } from "../parameters/parameterBytes.ts";
import { createTrainer } from "../session/createTrainer.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";

const runtime = await loadNodeOrt();

it("[TC42] a rounded weight gets the gradient of the rounded value, 0 beyond the integers", async () => {
  // Two columns with scales 0.1 and 0.01 and zero points 0 and 10: they hold -12.8 to 12.7 and -1.38 to 1.17.
  const write = createModelWriter(17, ["n", 2]);
  const weight = write.floats("w", [2, 2], [0.26, 0.513, -13, 1.18]);
  const scale = write.floats("scale", [2], [0.1, 0.01]);
  const zero = write.tensor({
    name: "zero",
    type: "int8",
    dims: [2],
    bytes: Uint8Array.of(0, 10),
  });
  const axis = { axis: { kind: "integer", value: 1 } } as const;
  const rounded = write.node("QuantizeLinear", [weight, scale, zero], axis);
  const back = write.node("DequantizeLinear", [rounded, scale, zero], axis);
  const model = write.finish(write.node("MatMul", ["x", back]));
  const compiled = unwrap(
    compileTraining(model, {
      scope: "all",
      loss: { kind: "meanSquaredError" },
      optimizer: { kind: "sgd" },
    }),
  );
  const graph = await runtime.load(compiled.step);
  const trainer = await createTrainer(runtime, compiled);
  const { gradients } = await runStep(
    graph,
    compiled,
    trainer.begin(unwrap(readParameters(model))),
    {
      batchSize: 1,
      data: Float32Array.of(2, 0.5),
      truth: Float32Array.of(0, 0),
      learningRate: 1,
    },
  );
  await graph.release();
  await trainer.release();
  // Outputs 2 · 0.3 - 0.5 · 12.8 and 2 · 0.51 + 0.5 · 1.17; the loss is the mean of their squares.
  const [first, second] = [0.6 - 6.4, 1.02 + 0.585];
  const expected = [2 * first, 2 * second, 0, 0];
  gradients[0]?.data.forEach((value, at) => {
    expect(value).toBeCloseTo(expected[at] ?? 0, 4);
  });
});
