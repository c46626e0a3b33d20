// Element types of ONNX tensors: code in the file, name, bytes. Strings and sub-byte types are unknown here on purpose.

/** Name of an element type, as ONNX Runtime's JavaScript interface spells it. */
export type ElementType =
  | "float32"
  | "uint8"
  | "int8"
  | "uint16"
  | "int16"
  | "int32"
  | "int64"
  | "bool"
  | "float16"
  | "float64"
  | "uint32"
  | "uint64";

interface ElementTypeRow {
  readonly name: ElementType;
  /** `TensorProto.DataType`. */
  readonly code: number;
  readonly bytes: number;
}

const rows: readonly ElementTypeRow[] = [
  { name: "float32", code: 1, bytes: 4 },
  { name: "uint8", code: 2, bytes: 1 },
  { name: "int8", code: 3, bytes: 1 },
  { name: "uint16", code: 4, bytes: 2 },
  { name: "int16", code: 5, bytes: 2 },
  { name: "int32", code: 6, bytes: 4 },
  { name: "int64", code: 7, bytes: 8 },
  { name: "bool", code: 9, bytes: 1 },
  { name: "float16", code: 10, bytes: 2 },
  { name: "float64", code: 11, bytes: 8 },
  { name: "uint32", code: 12, bytes: 4 },
  { name: "uint64", code: 13, bytes: 8 },
];

/** The type with this code in ONNX files, where this project knows it. */
export function elementTypeOf(code: number): ElementType | undefined {
  return rows.find((row) => row.code === code)?.name;
}

/** `TensorProto.DataType` of a type. */
export function elementCode(type: ElementType): number {
  return rows.find((row) => row.name === type)?.code ?? 0;
}

/** Bytes of one element. */
export function elementBytes(type: ElementType): number {
  return rows.find((row) => row.name === type)?.bytes ?? 0;
}
