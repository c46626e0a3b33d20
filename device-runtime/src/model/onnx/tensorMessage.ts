// ONNX `TensorProto`: constant tensors in and out of a file. It must not know what a tensor is for.
import { elementCount } from "@attune/protocol";
import { VALUE_ELEMENTS_MAX, VALUE_RANK_MAX } from "../limits.ts";
import { turnAway } from "../turnAway.ts";
import { type ElementType, elementBytes, elementCode, elementTypeOf } from "./elementType.ts";
import {
  bytesField,
  fieldInteger,
  fieldIntegers,
  fieldText,
  integerField,
  joinBytes,
  readFields,
  textField,
  type WireBudget,
  type WireField,
} from "./wireFormat.ts";

/** A constant tensor. `bytes` are little endian, row-major, of any alignment: read them through {@link tensorFloats} and its like. */
export interface OnnxTensor {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

const field = {
  dims: 1,
  dataType: 2,
  segment: 3,
  floatData: 4,
  int32Data: 5,
  stringData: 6,
  int64Data: 7,
  name: 8,
  rawData: 9,
  doubleData: 10,
  uint64Data: 11,
  externalData: 13,
  dataLocation: 14,
} as const;

/** Bytes of the integer lists, in which small types are stored as one varint an element. */
const integerListBytes = (values: readonly bigint[], type: ElementType): Uint8Array => {
  const size = elementBytes(type);
  const bytes = new Uint8Array(values.length * size);
  values.forEach((value, index) => {
    let rest = BigInt.asUintN(size * 8, value);
    for (let byte = 0; byte < size; byte += 1) {
      bytes[index * size + byte] = Number(rest & 0xffn);
      rest >>= 8n;
    }
  });
  return bytes;
};

/**
 * Reads a tensor from its message.
 *
 * Turns away what is not wholly inside the message (external data, segments), unknown element types, impossible shapes and
 * data whose length does not fit the shape.
 */
export function readTensor(payload: Uint8Array, budget: WireBudget): OnnxTensor {
  let name = "";
  let code = 0;
  const dims: number[] = [];
  const raw: Uint8Array[] = [];
  const integers: bigint[] = [];
  let hasIntegers = false;
  for (const one of readFields(payload, budget)) {
    if (one.number === field.name) name = fieldText(one);
    else if (one.number === field.dataType) code = fieldInteger(one);
    else if (one.number === field.dims) {
      for (const dim of fieldIntegers(one)) dims.push(Number(dim));
    } else if (isRealData(one)) raw.push(one.payload);
    else if (
      one.number === field.int32Data ||
      one.number === field.int64Data ||
      one.number === field.uint64Data
    ) {
      hasIntegers = true;
      for (const value of fieldIntegers(one)) integers.push(value);
    } else if (
      one.number === field.externalData ||
      (one.number === field.dataLocation && one.integer !== 0n)
    ) {
      turnAway(
        "model.malformed",
        `tensor ${name} keeps its data in another file; save the model as one file`,
      );
    } else if (one.number === field.segment || one.number === field.stringData) {
      turnAway(
        "model.malformed",
        `tensor ${name} is segmented or holds text; neither is supported`,
      );
    }
  }
  const type = elementTypeOf(code);
  if (type === undefined) {
    return turnAway("model.malformed", `tensor ${name} has the unsupported element type ${code}`);
  }
  checkDims(name, dims);
  const bytes = hasIntegers
    ? integerListBytes(integers, type)
    : raw.length === 1
      ? (raw[0] ?? new Uint8Array())
      : joinBytes(raw);
  const needed = elementCount(dims) * elementBytes(type);
  if (bytes.length !== needed) {
    turnAway(
      "model.malformed",
      `tensor ${name} has ${bytes.length} bytes, its shape [${dims.join(", ")}] of ${type} needs ${needed}`,
    );
  }
  return { name, type, dims, bytes };
}

/** Whether a field of a tensor message holds elements as little-endian bytes. */
function isRealData(one: WireField): boolean {
  return (
    one.number === field.rawData ||
    one.number === field.floatData ||
    one.number === field.doubleData
  );
}

/** Name of a tensor without decoding the rest of it. */
export function readTensorName(fields: readonly WireField[]): string {
  const named = fields.find((one) => one.number === field.name);
  return named === undefined ? "" : fieldText(named);
}

function checkDims(name: string, dims: readonly number[]): void {
  if (dims.length > VALUE_RANK_MAX) {
    turnAway("model.too_large", `tensor ${name} has rank ${dims.length}, limit ${VALUE_RANK_MAX}`);
  }
  if (dims.some((dim) => dim < 0) || elementCount(dims) > VALUE_ELEMENTS_MAX) {
    turnAway("model.malformed", `tensor ${name} has the impossible shape [${dims.join(", ")}]`);
  }
}

/** Writes a tensor message (without the field around it), always as raw data. */
export function writeTensor(tensor: OnnxTensor): Uint8Array {
  return joinBytes([
    ...tensor.dims.map((dim) => integerField(field.dims, dim)),
    integerField(field.dataType, elementCode(tensor.type)),
    textField(field.name, tensor.name),
    bytesField(field.rawData, tensor.bytes),
  ]);
}

/** The values of a float32 tensor, in memory of their own: a file aligns nothing. */
export function tensorFloats(tensor: OnnxTensor): Float32Array {
  // A copy, for the alignment. Not by `slice`: a Node Buffer's is a view of everything that it was cut from.
  return new Float32Array(new Uint8Array(tensor.bytes).buffer);
}

/** The values of an int64 or int32 tensor as numbers, clamped to the safe integers. */
export function tensorIntegers(tensor: OnnxTensor): number[] {
  if (tensor.type === "int32") return [...new Int32Array(new Uint8Array(tensor.bytes).buffer)];
  return Array.from(new BigInt64Array(new Uint8Array(tensor.bytes).buffer), (value) =>
    Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(value))),
  );
}

/** Numbers of any width. */
export type NumberList = ArrayLike<number> & Iterable<number>;

/** The values of a tensor of any type as numbers; truth values are 0 and 1, integers of 64 bits are clamped to the safe ones. */
export function tensorNumbers(tensor: OnnxTensor): NumberList {
  const { buffer } = new Uint8Array(tensor.bytes);
  switch (tensor.type) {
    case "float32":
      return new Float32Array(buffer);
    case "float64":
      return new Float64Array(buffer);
    case "float16":
      return Float32Array.from(new Uint16Array(buffer), halfToNumber);
    case "int8":
      return new Int8Array(buffer);
    case "bool":
    case "uint8":
      return new Uint8Array(buffer);
    case "int16":
      return new Int16Array(buffer);
    case "uint16":
      return new Uint16Array(buffer);
    case "uint32":
      return new Uint32Array(buffer);
    case "uint64":
      return Float64Array.from(new BigUint64Array(buffer), (value) =>
        Math.min(Number.MAX_SAFE_INTEGER, Number(value)),
      );
    case "int32":
    case "int64":
      return tensorIntegers(tensor);
    default:
      return tensor.type satisfies never;
  }
}

/** IEEE 754 binary16 to a number. */
function halfToNumber(bits: number): number {
  const sign = bits >> 15 === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A float32 tensor of these values. */
export function floatTensor(
  name: string,
  dims: readonly number[],
  values: ArrayLike<number>,
): OnnxTensor {
  return { name, type: "float32", dims, bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

/** An int64 tensor of these values. */
export function integerTensor(
  name: string,
  dims: readonly number[],
  values: readonly number[],
): OnnxTensor {
  const data = BigInt64Array.from(values, (value) => BigInt(value));
  return { name, type: "int64", dims, bytes: new Uint8Array(data.buffer) };
}
