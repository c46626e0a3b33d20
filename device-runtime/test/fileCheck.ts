// Compares a compiled step with the untouched file, run by the engine as it is: its loss, and central differences of it. What the compiler
// changes in the model shows here, where differences of its own graphs would not see it. For tests only.
import { type ParameterTensor, unwrap } from "@attune/protocol";
import { compileTraining } from "../src/model/compile/compileTraining.ts";
import { readModelFile } from "../src/model/onnx/modelFile.ts";
import { patchParameters, readParameters } from "../src/model/parameters/parameterBytes.ts";
import type { ParameterScope } from "../src/model/parameters/parameterScope.ts";
import { createTrainer } from "../src/model/session/createTrainer.ts";
import type { OrtRuntime } from "../src/model/session/ortRuntime.ts";
import { inputValues } from "./modelWriter.ts";

/** One element of one parameter. */
export interface ComparedElement {
  readonly name: string;
  readonly at: number;
}

/** What the step says, and what the file says. */
export interface FileComparison {
  readonly loss: { readonly step: number; readonly file: number };
  readonly slopes: readonly { readonly step: number; readonly file: number }[];
}

/**
 * Mean square of the outputs, by the first step of a training and by the file, with the slope by each element.
 *
 * @param model its only data input is `x`, its loss is of its first output
 * @param shift what is added to the elements before either looks
 */
export async function compareWithFile(
  runtime: OrtRuntime,
  model: Uint8Array,
  elements: readonly ComparedElement[],
  shift = 0,
  scope: ParameterScope = "all",
): Promise<FileComparison> {
  const batchSize = 2;
  const compiled = unwrap(
    compileTraining(model, {
      scope,
      loss: { kind: "meanSquaredError" },
      optimizer: { kind: "sgd" },
    }),
  );
  const [output = ""] = readModelFile(model).outputs.map(({ name }) => name);
  const dims = [batchSize, ...compiled.sampleDims];
  const data = inputValues(dims);
  const own = unwrap(readParameters(model));
  const moved = (by: readonly (ComparedElement & { readonly shift: number })[]) =>
    own.map((one): ParameterTensor => {
      const values = Float32Array.from(one.data);
      for (const { name, at, shift: add } of by) {
        if (name === one.name) values[at] = (values[at] ?? 0) + add;
      }
      return { ...one, data: values };
    });
  const start = elements.map((one) => ({ ...one, shift }));
  const fileLoss = async (parameters: readonly ParameterTensor[]): Promise<number> => {
    const graph = await runtime.load(unwrap(patchParameters(model, parameters)));
    const { [output]: result } = await graph.run({ x: { type: "float32", dims, data } }, [output]);
    await graph.release();
    const values = Array.from(result?.data ?? [], Number);
    return values.reduce((sum, value) => sum + value * value, 0) / values.length;
  };
  const trainer = await createTrainer(runtime, compiled);
  const before = trainer.begin(moved(start));
  const count = compiled.truth.dims.reduce((product, size) => product * size, batchSize);
  const { losses, state } = await trainer.run(before, {
    stepCount: 1,
    batchSize,
    data,
    truth: new Float32Array(count),
    learningRate: 1,
  });
  await trainer.release();
  const step = 0.02;
  const slopes: { step: number; file: number }[] = [];
  for (const element of elements) {
    const valueIn = (parameters: readonly ParameterTensor[]): number =>
      parameters.find(({ name }) => name === element.name)?.data[element.at] ?? Number.NaN;
    const high = await fileLoss(moved([...start, { ...element, shift: step }]));
    const low = await fileLoss(moved([...start, { ...element, shift: -step }]));
    slopes.push({
      step: valueIn(before.parameters) - valueIn(state.parameters),
      file: (high - low) / (2 * step),
    });
  }
  return { loss: { step: losses[0] ?? Number.NaN, file: await fileLoss(moved(start)) }, slopes };
}
