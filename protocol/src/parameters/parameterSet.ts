// Named float32 tensors in canonical order, and their exact bytes. It must not know ONNX.
//
//   4       tensor count, little endian (as all numbers here)
//   each    2 name length, name UTF-8, 1 rank, 4 x rank dimensions
//   pad     zeros up to a multiple of 4
//   data    float32 of every tensor in order
import { accept, assertDefect, type Outcome, refuse } from "../errors.ts";
import {
  PARAMETER_COUNT_MAX,
  TENSOR_COUNT_MAX,
  TENSOR_NAME_BYTES_MAX,
  TENSOR_RANK_MAX,
} from "../limits.ts";

/** One named float32 tensor. */
export interface ParameterTensor {
  readonly name: string;
  readonly dims: readonly number[];
  /** Row-major; length is the product of `dims`. */
  readonly data: Float32Array;
}

/**
 * Tensors sorted by the UTF-8 bytes of their names, each name once, all values finite, no -0. Made by
 * {@link parameterSetOf} or {@link decodeParameters} only.
 */
export type ParameterSet = readonly ParameterTensor[];

const compareBytes = (a: Uint8Array, b: Uint8Array): number => {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
};

/**
 * Number of elements of a shape; 1 for a scalar.
 *
 * @example
 * elementCount([2, 3]); // => 6
 */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

/**
 * Number of float32 values in a whole set.
 *
 * @example
 * parameterCount([{ name: "w", dims: [2], data: Float32Array.of(1, 2) }]); // => 2
 */
export function parameterCount(parameters: ParameterSet): number {
  return parameters.reduce((sum, tensor) => sum + tensor.data.length, 0);
}

/**
 * Puts tensors into canonical order and form: sorted by UTF-8 name, -0 made 0, data copied.
 *
 * @throws Defect `parameters.not_finite`, `parameters.name_invalid`, `parameters.name_repeated`, `parameters.shape_mismatch` or
 *   `parameters.too_large`
 * @example
 * parameterSetOf([{ name: "b", dims: [1], data: Float32Array.of(-0) }, { name: "a", dims: [], data: Float32Array.of(1) }]).map((tensor) => tensor.name); // => ["a", "b"]
 */
export function parameterSetOf(tensors: readonly ParameterTensor[]): ParameterSet {
  const encoder = new TextEncoder();
  const keyed = tensors.map((tensor) => ({ key: encoder.encode(tensor.name), tensor }));
  keyed.sort((a, b) => compareBytes(a.key, b.key));
  assertDefect(
    tensors.length <= TENSOR_COUNT_MAX && parameterCount(tensors) <= PARAMETER_COUNT_MAX,
    "parameters.too_large",
    `${tensors.length} tensors with ${parameterCount(tensors)} values, limits ${TENSOR_COUNT_MAX} and ${PARAMETER_COUNT_MAX}`,
  );
  return keyed.map(({ key, tensor }, index) => {
    const before = keyed[index - 1]?.key;
    assertDefect(
      tensor.name.isWellFormed() && key.length <= TENSOR_NAME_BYTES_MAX,
      "parameters.name_invalid",
      `a tensor's name has ${key.length} bytes, limit ${TENSOR_NAME_BYTES_MAX}, or is not Unicode`,
    );
    assertDefect(
      before === undefined || compareBytes(before, key) !== 0,
      "parameters.name_repeated",
      `two tensors are named ${tensor.name}`,
    );
    assertDefect(
      tensor.data.length === elementCount(tensor.dims) &&
        tensor.dims.length <= TENSOR_RANK_MAX &&
        tensor.dims.every((dim) => Number.isInteger(dim) && dim >= 0 && dim < 2 ** 32),
      "parameters.shape_mismatch",
      `${tensor.name} has ${tensor.data.length} values, its shape [${tensor.dims.join(", ")}] needs ${elementCount(tensor.dims)}`,
    );
    // Adding 0 turns -0 into 0 and leaves every other value as it is.
    const data = tensor.data.map((value) => value + 0);
    assertDefect(
      data.every((value) => Number.isFinite(value)),
      "parameters.not_finite",
      `${tensor.name} holds NaN or infinity`,
    );
    return { name: tensor.name, dims: [...tensor.dims], data };
  });
}

/**
 * The exact bytes of a parameter set; their SHA-256 is the parameters digest.
 *
 * @param parameters in canonical order, see {@link parameterSetOf}
 */
export function encodeParameters(parameters: ParameterSet): Uint8Array {
  const encoder = new TextEncoder();
  const names = parameters.map((tensor) => encoder.encode(tensor.name));
  const header = parameters.reduce(
    (sum, tensor, index) => sum + 2 + (names[index]?.length ?? 0) + 1 + 4 * tensor.dims.length,
    4,
  );
  const dataAt = Math.ceil(header / 4) * 4;
  const bytes = new Uint8Array(dataAt + 4 * parameterCount(parameters));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, parameters.length, true);
  let at = 4;
  let valueAt = dataAt;
  parameters.forEach((tensor, index) => {
    const name = names[index] ?? new Uint8Array();
    view.setUint16(at, name.length, true);
    bytes.set(name, at + 2);
    at += 2 + name.length;
    view.setUint8(at, tensor.dims.length);
    at += 1;
    for (const dim of tensor.dims) {
      view.setUint32(at, dim, true);
      at += 4;
    }
    for (const value of tensor.data) {
      view.setFloat32(valueAt, value, true);
      valueAt += 4;
    }
  });
  return bytes;
}

/**
 * Reads a parameter set from bytes that are not trusted. Accepts only the canonical form, so that equal sets have equal bytes.
 *
 * @returns `delta.not_decodable` for a broken structure, `delta.not_finite` for NaN, infinity or -0
 */
export function decodeParameters(bytes: Uint8Array): Outcome<ParameterSet> {
  const broken = (what: string): ReturnType<typeof refuse> =>
    refuse("delta.not_decodable", `parameters of ${bytes.length} bytes: ${what}; fetch them again`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4) return broken("no tensor count");
  const tensorCount = view.getUint32(0, true);
  if (tensorCount > TENSOR_COUNT_MAX) {
    return broken(`${tensorCount} tensors, limit ${TENSOR_COUNT_MAX}`);
  }
  // A byte order mark belongs to the name, or two names would be one.
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const layout: { name: string; key: Uint8Array; dims: number[]; count: number }[] = [];
  let at = 4;
  let total = 0;
  for (let index = 0; index < tensorCount; index += 1) {
    if (at + 2 > bytes.length) return broken("ends inside a name");
    const nameBytes = view.getUint16(at, true);
    if (nameBytes > TENSOR_NAME_BYTES_MAX) {
      return broken(`a name of ${nameBytes} bytes, limit ${TENSOR_NAME_BYTES_MAX}`);
    }
    at += 2;
    if (at + nameBytes + 1 > bytes.length) return broken("ends inside a name");
    const key = bytes.subarray(at, at + nameBytes);
    let name: string;
    try {
      name = decoder.decode(key);
    } catch {
      return broken("a name is not UTF-8");
    }
    at += nameBytes;
    const rank = view.getUint8(at);
    at += 1;
    if (rank > TENSOR_RANK_MAX) return broken(`rank ${rank}, limit ${TENSOR_RANK_MAX}`);
    if (at + 4 * rank > bytes.length) return broken("ends inside a shape");
    const dims = Array.from({ length: rank }, (_, axis) => view.getUint32(at + 4 * axis, true));
    at += 4 * rank;
    const count = elementCount(dims);
    total += count;
    if (total > PARAMETER_COUNT_MAX) return broken(`over ${PARAMETER_COUNT_MAX} values`);
    const before = layout.at(-1);
    if (before !== undefined && compareBytes(before.key, key) >= 0) {
      return broken("names are not in canonical order");
    }
    layout.push({ name, key, dims, count });
  }
  const dataAt = Math.ceil(at / 4) * 4;
  if (bytes.length !== dataAt + 4 * total) return broken(`needs ${dataAt + 4 * total} bytes`);
  for (; at < dataAt; at += 1) {
    if (bytes[at] !== 0) return broken("its padding is not zero");
  }
  const tensors: ParameterTensor[] = [];
  for (const { name, dims, count } of layout) {
    const data = new Float32Array(count);
    for (let index = 0; index < count; index += 1) {
      const value = view.getFloat32(at, true);
      if (!Number.isFinite(value) || Object.is(value, -0)) {
        return refuse(
          "delta.not_finite",
          `${name} holds NaN, infinity or -0; make the parameters again`,
        );
      }
      data[index] = value;
      at += 4;
    }
    tensors.push({ name, dims, data });
  }
  return accept(tensors);
}
