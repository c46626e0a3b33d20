// ONNX `ValueInfoProto`: name, element type and shape of a graph's inputs and outputs.
import { VALUE_RANK_MAX } from "../limits.ts";
import { turnAway } from "../turnAway.ts";
import { type ElementType, elementCode, elementTypeOf } from "./elementType.ts";
import {
  bytesField,
  fieldInteger,
  fieldText,
  integerField,
  joinBytes,
  messageField,
  readFields,
  textField,
  type WireBudget,
} from "./wireFormat.ts";

/** Declared type of a value. A dimension is a size, a name, or "" where the file says nothing. */
export interface OnnxValue {
  readonly name: string;
  /** Undefined for types that this project does not know (text, sequences, maps). */
  readonly type: ElementType | undefined;
  /** Undefined when not even the rank is declared. */
  readonly dims: readonly (number | string)[] | undefined;
}

const valueField = { name: 1, type: 2 } as const;
const typeField = { tensor: 1 } as const;
const tensorTypeField = { elementType: 1, shape: 2 } as const;
const shapeField = { dim: 1 } as const;
const dimField = { value: 1, name: 2 } as const;

function readDim(payload: Uint8Array, budget: WireBudget): number | string {
  let dim: number | string = "";
  for (const one of readFields(payload, budget)) {
    if (one.number === dimField.value) dim = fieldInteger(one);
    else if (one.number === dimField.name) dim = fieldText(one);
  }
  // Some exporters write 0 or -1 for "unknown".
  return typeof dim === "number" && dim <= 0 ? "" : dim;
}

/** Reads the declaration of a value. */
export function readValue(payload: Uint8Array, budget: WireBudget): OnnxValue {
  let name = "";
  let type: ElementType | undefined;
  let dims: (number | string)[] | undefined;
  for (const one of readFields(payload, budget)) {
    if (one.number === valueField.name) name = fieldText(one);
    if (one.number !== valueField.type) continue;
    for (const kind of readFields(one.payload, budget)) {
      if (kind.number !== typeField.tensor) continue;
      for (const part of readFields(kind.payload, budget)) {
        if (part.number === tensorTypeField.elementType) type = elementTypeOf(fieldInteger(part));
        if (part.number !== tensorTypeField.shape) continue;
        dims = readFields(part.payload, budget)
          .filter((dim) => dim.number === shapeField.dim)
          .map((dim) => readDim(dim.payload, budget));
      }
    }
  }
  if (dims !== undefined && dims.length > VALUE_RANK_MAX) {
    turnAway("model.too_large", `value ${name} has rank ${dims.length}, limit ${VALUE_RANK_MAX}`);
  }
  return { name, type, dims };
}

/** Writes the name of a value and nothing of its type: an engine then finds that out by itself. */
export function writeValueName(name: string): Uint8Array {
  return textField(valueField.name, name);
}

/** Writes the declaration of a value (without the field around it); undefined `dims` leave its shape open. */
export function writeValue(
  name: string,
  type: ElementType,
  dims: readonly (number | string)[] | undefined,
): Uint8Array {
  const shape = dims?.map((dim) =>
    messageField(shapeField.dim, [
      typeof dim === "number" ? integerField(dimField.value, dim) : textField(dimField.name, dim),
    ]),
  );
  return joinBytes([
    textField(valueField.name, name),
    messageField(valueField.type, [
      messageField(typeField.tensor, [
        integerField(tensorTypeField.elementType, elementCode(type)),
        ...(shape === undefined ? [] : [bytesField(tensorTypeField.shape, joinBytes(shape))]),
      ]),
    ]),
  ]);
}
