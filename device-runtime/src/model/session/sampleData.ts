// Samples on their way into the engine: arrays as callers hold them, one an input, as tensors of the types that the model declares.
import { assertDefect, elementCount } from "@attune/protocol";
import type { SampleInput } from "../compile/sampleInputs.ts";
import type { OrtData, OrtTensor } from "./ortRuntime.ts";

/**
 * Values of one input, row-major: `Float32Array` for float32, `Int32Array` or `BigInt64Array` for int64, `Int32Array` for int32, `Uint8Array`
 * of 0 and 1 for bool.
 */
export type SampleArray = Float32Array | Int32Array | BigInt64Array | Uint8Array;

/** Samples of a model: the array of its one input, or an array for each of its inputs by name. */
export type SampleData = SampleArray | Readonly<Record<string, SampleArray>>;

/**
 * The samples as tensors, in the order of the inputs.
 *
 * @param lead what stands before the sizes of one sample
 * @param code of the defect where an array is missing, of another type, or too short
 * @throws Defect `code`
 */
export function sampleTensors(
  inputs: readonly SampleInput[],
  data: SampleData,
  lead: readonly number[],
  code: "predictor.shape_mismatch" | "trainer.shape_mismatch",
): readonly OrtTensor[] {
  return inputs.map(({ name, type, dims }) => {
    const array = arrayOf(inputs, data, name);
    const count = elementCount(lead) * elementCount(dims);
    assertDefect(
      array !== undefined && array.length >= count,
      code,
      `input ${name} is given ${array?.length ?? 0} values for ${lead.join(" x ")} samples of [${dims.join(", ")}]`,
    );
    const values = engineData(type, array.subarray(0, count));
    assertDefect(
      values !== undefined,
      code,
      `input ${name} takes ${type}, it is given a ${array.constructor.name}`,
    );
    return { type, dims: [...lead, ...dims], data: values };
  });
}

/** `count` samples as a graph takes them that has the model's own names; more is ignored. */
export function sampleFeeds(
  inputs: readonly SampleInput[],
  data: SampleData,
  count: number,
): Record<string, OrtTensor> {
  const tensors = sampleTensors(inputs, data, [count], "predictor.shape_mismatch");
  const feeds: Record<string, OrtTensor> = {};
  inputs.forEach(({ name }, index) => {
    const tensor = tensors[index];
    if (tensor !== undefined) feeds[name] = tensor;
  });
  return feeds;
}

/** The values of one input; undefined where they are not given. */
export function arrayOf(
  inputs: readonly SampleInput[],
  data: SampleData,
  name: string,
): SampleArray | undefined {
  if (!isArray(data)) return Object.hasOwn(data, name) ? data[name] : undefined;
  return inputs.length === 1 ? data : undefined;
}

const isArray = (data: SampleData): data is SampleArray => ArrayBuffer.isView(data);

function engineData(type: SampleInput["type"], array: SampleArray): OrtData | undefined {
  switch (type) {
    case "float32":
      return array instanceof Float32Array ? array : undefined;
    case "int64":
      if (array instanceof BigInt64Array) return array;
      return array instanceof Int32Array ? BigInt64Array.from(array, BigInt) : undefined;
    case "int32":
      return array instanceof Int32Array ? array : undefined;
    case "bool":
      return array instanceof Uint8Array ? array : undefined;
    default:
      return type satisfies never;
  }
}
