// Protobuf's wire format, one message level at a time, keeping the bytes of every field. It must not know what a field means.
import { GRAPH_NAME_BYTES_MAX, INTEGER_LIST_MAX, MODEL_FIELDS_MAX } from "../limits.ts";
import { turnAway } from "../turnAway.ts";

/** One field of a message. `encoded` is the whole field as it stood in the file, so that writing it back changes nothing. */
export interface WireField {
  readonly number: number;
  readonly wire: 0 | 1 | 2 | 5;
  /** The integer of a varint field; 0n for the other wire types. */
  readonly integer: bigint;
  /** Content of a length-delimited or fixed field: a view into the file, of any alignment. Empty for a varint. */
  readonly payload: Uint8Array;
  readonly encoded: Uint8Array;
}

/** Counts the fields that may still be decoded; shared by all messages of one file, so that nesting cannot multiply work. */
export interface WireBudget {
  fieldsLeft: number;
}

/** A fresh budget for one file. */
export function createWireBudget(): WireBudget {
  return { fieldsLeft: MODEL_FIELDS_MAX };
}

const malformed = (what: string, offset: number): never =>
  turnAway(
    "model.malformed",
    `model bytes: ${what} at byte ${offset} of a message; export it again`,
  );

/** Reads one varint; `end` is where the next byte stands. */
const readVarint = (bytes: Uint8Array, start: number): { value: bigint; end: number } => {
  // Nearly every tag and length has one byte.
  const first = bytes[start];
  if (first !== undefined && first < 0x80) return { value: BigInt(first), end: start + 1 };
  let value = 0n;
  let at = start;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = bytes[at];
    if (byte === undefined) return malformed("ends inside a number", start);
    at += 1;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), end: at };
  }
  return malformed("a number of over ten bytes", start);
};

/**
 * Decodes the fields of one message.
 *
 * - Cost: O(fields); payloads are views, nothing is copied.
 *
 * Turns away truncation, a length past the end, groups, field number 0 and too many fields with `model.malformed` or `model.too_large`.
 */
export function readFields(bytes: Uint8Array, budget: WireBudget): WireField[] {
  const fields: WireField[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (budget.fieldsLeft <= 0) {
      turnAway(
        "model.too_large",
        `model has over ${MODEL_FIELDS_MAX} protobuf fields; store tensors as raw data, or split the model`,
      );
    }
    budget.fieldsLeft -= 1;
    const start = at;
    const tag = readVarint(bytes, at);
    at = tag.end;
    const number = Number(tag.value >> 3n);
    if (number < 1 || number > 0x1fffffff) return malformed(`field number ${number}`, start);
    const wire = Number(tag.value & 7n);
    let integer = 0n;
    let payload = bytes.subarray(at, at);
    if (wire === 0) {
      const varint = readVarint(bytes, at);
      integer = varint.value;
      at = varint.end;
    } else if (wire === 1 || wire === 2 || wire === 5) {
      let length = wire === 1 ? 8n : 4n;
      if (wire === 2) {
        const varint = readVarint(bytes, at);
        length = varint.value;
        at = varint.end;
      }
      if (length > BigInt(bytes.length - at)) {
        return malformed(
          `field ${number} says ${length} bytes, ${bytes.length - at} are left`,
          start,
        );
      }
      payload = bytes.subarray(at, at + Number(length));
      at += Number(length);
    } else {
      return malformed(`wire type ${wire}`, start);
    }
    fields.push({
      number,
      wire,
      integer,
      payload,
      encoded: bytes.subarray(start, at),
    });
  }
  return fields;
}

/** The signed 64-bit integer of a varint field as a number, clamped to the safe integers. */
export function fieldInteger(field: WireField): number {
  const signed = BigInt.asIntN(64, field.integer);
  const value = Number(signed);
  if (!Number.isSafeInteger(value)) {
    // Exporters write "to the end" as the largest integer; every axis is shorter than the largest safe one, too.
    return signed > 0n ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER;
  }
  return value;
}

/** The integers of a repeated field, packed or not. */
export function fieldIntegers(field: WireField): bigint[] {
  if (field.wire === 0) return [BigInt.asIntN(64, field.integer)];
  const values: bigint[] = [];
  let at = 0;
  while (at < field.payload.length) {
    if (values.length >= INTEGER_LIST_MAX) {
      turnAway(
        "model.too_large",
        `an integer list of over ${INTEGER_LIST_MAX} values; store it as raw data`,
      );
    }
    const varint = readVarint(field.payload, at);
    values.push(BigInt.asIntN(64, varint.value));
    at = varint.end;
  }
  return values;
}

/** The text of a length-delimited field; turned away when it is no UTF-8 or too long for a name. */
export function fieldText(field: WireField): string {
  if (field.payload.length > GRAPH_NAME_BYTES_MAX) {
    turnAway(
      "model.too_large",
      `a name of ${field.payload.length} bytes, limit ${GRAPH_NAME_BYTES_MAX}; rename it before the export`,
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(field.payload);
  } catch {
    return turnAway("model.malformed", "a name in the model is not UTF-8; export it again");
  }
}

/** Joins byte arrays. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

const varintBytes = (value: bigint): number[] => {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return bytes;
};

/** Writes a varint field. */
export function integerField(number: number, value: bigint | number): Uint8Array {
  return Uint8Array.from([...varintBytes(BigInt(number << 3)), ...varintBytes(BigInt(value))]);
}

/** Writes a 32-bit float field. */
export function floatField(number: number, value: number): Uint8Array {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setFloat32(0, value, true);
  return joinBytes([Uint8Array.from(varintBytes(BigInt((number << 3) | 5))), payload]);
}

/** Writes a length-delimited field: bytes, a packed list, or a message that is already written. */
export function bytesField(number: number, payload: Uint8Array): Uint8Array {
  const head = [...varintBytes(BigInt((number << 3) | 2)), ...varintBytes(BigInt(payload.length))];
  return joinBytes([Uint8Array.from(head), payload]);
}

/** Writes a text field. */
export function textField(number: number, text: string): Uint8Array {
  return bytesField(number, new TextEncoder().encode(text));
}

/** Writes a message field out of written fields. */
export function messageField(number: number, fields: readonly Uint8Array[]): Uint8Array {
  return bytesField(number, joinBytes(fields));
}
