// What ONNX Runtime does with calls that this project never makes, as data: each is a reason for a rule of the code. For tests only.
import { writeModel } from "../../src/model/onnx/modelFile.ts";
import { floatTensor } from "../../src/model/onnx/tensorMessage.ts";
import { writeValue } from "../../src/model/onnx/valueMessage.ts";

interface TrapTensor {
  readonly data: unknown;
}

/** What the traps use of `onnxruntime-node` and `onnxruntime-web`. */
export interface TrappedModule {
  readonly InferenceSession: {
    create(
      graph: Uint8Array,
      options: { readonly executionProviders: readonly string[]; readonly logSeverityLevel: 3 },
    ): Promise<{
      run(
        feeds: Readonly<Record<string, never>>,
        fetches?: Readonly<Record<string, never>>,
      ): Promise<Readonly<Record<string, TrapTensor>>>;
    }>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => TrapTensor;
}

/** What an engine did: the numbers in the result, or the words with which it threw. */
export interface Traps {
  /** `x + w` with `x = 0` and a constant `w` of 1 over which 9 was fed. Right would be 9. */
  readonly constantOverridden: readonly number[] | string;
  /** The transpose of `[1 2; 3 4]` into a buffer of zeros. Right would be 1, 3, 2, 4. */
  readonly outputGiven: readonly number[];
  /** The same into the memory of the input itself. */
  readonly inputAsOutput: readonly number[];
}

const graphOf = (operator: string, inputs: readonly string[]): Uint8Array =>
  writeModel(17, {
    name: "trap",
    nodes: [{ name: "", operator, domain: "", inputs, outputs: ["y"], attributes: new Map() }],
    initializers: inputs.includes("w") ? [floatTensor("w", [2, 2], [1, 1, 1, 1])] : [],
    inputs: inputs.map((name) => writeValue(name, "float32", [2, 2])),
    outputs: [writeValue("y", "float32", [2, 2])],
  });

const numbers = (tensor: TrapTensor | undefined): readonly number[] =>
  Array.from((tensor?.data as Float32Array | undefined) ?? []);

/** Walks into every trap. */
export async function findTraps(ort: TrappedModule): Promise<Traps> {
  const options = { executionProviders: ["cpu"], logSeverityLevel: 3 } as const;
  const tensor = (values: readonly number[]): TrapTensor =>
    new ort.Tensor("float32", Float32Array.from(values), [2, 2]);
  const named = (tensors: Readonly<Record<string, TrapTensor>>) => tensors as Record<string, never>;
  const adding = await ort.InferenceSession.create(graphOf("Add", ["x", "w"]), options);
  const overridden = await adding
    .run(named({ x: tensor([0, 0, 0, 0]), w: tensor([9, 9, 9, 9]) }))
    .then(
      ({ y }) => numbers(y),
      (error: unknown) => String(error),
    );
  const turning = await ort.InferenceSession.create(graphOf("Transpose", ["x"]), options);
  const into = async (x: TrapTensor, y: TrapTensor): Promise<readonly number[]> =>
    numbers((await turning.run(named({ x }), named({ y }))).y);
  const x = tensor([1, 2, 3, 4]);
  return {
    constantOverridden: overridden,
    outputGiven: await into(tensor([1, 2, 3, 4]), tensor([0, 0, 0, 0])),
    inputAsOutput: await into(x, x),
  };
}
