// Writes a small part of RFC 8949, in one way only (docs/adr/0016). It must not know any message.
import { assertDefect, Defect } from "../errors.ts";
import { CBOR_DEPTH_MAX } from "../limits.ts";
import { typedArrayByTag } from "./readCbor.ts";

const MAJOR_UNSIGNED = 0x00;
const MAJOR_NEGATIVE = 0x20;
const MAJOR_BYTES = 0x40;
const MAJOR_TEXT = 0x60;
const MAJOR_ARRAY = 0x80;
const MAJOR_MAP = 0xa0;
const MAJOR_TAG = 0xc0;
const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;
const UNDEFINED = 0xf7;
const FLOAT64 = 0xfb;

/** Integers beyond do not have a head of four bytes. */
const HEAD_MAX = 2 ** 32 - 1;
/** Room for most messages. */
const FIRST_BYTES = 2048;

const textEncoder = new TextEncoder();
/** Below this ASCII needs no encoder: a call of it costs more than 72 letters. */
const SHORT_TEXT = 72;

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) >= 0x80) return false;
  }
  return true;
}

/**
 * Writes a value.
 *
 * @throws {@link Defect} as `encodeCbor`
 * @example
 * writeCbor([1, null]); // => Uint8Array.of(0x82, 0x01, 0xf6)
 */
export function writeCbor(value: unknown): Uint8Array {
  let bytes = new Uint8Array(FIRST_BYTES);
  let view = new DataView(bytes.buffer);
  let at = 0;

  /** Makes room; the place where it begins. */
  const take = (count: number): number => {
    if (at + count > bytes.length) {
      const larger = new Uint8Array(Math.max(2 * bytes.length, at + count));
      larger.set(bytes);
      bytes = larger;
      view = new DataView(bytes.buffer);
    }
    at += count;
    return at - count;
  };

  const writeByte = (byte: number): void => {
    const start = take(1);
    bytes[start] = byte;
  };

  const writeHead = (major: number, argument: number): void => {
    if (argument < 24) {
      writeByte(major | argument);
    } else if (argument <= 0xff) {
      const start = take(2);
      view.setUint16(start, ((major | 24) << 8) | argument);
    } else if (argument <= 0xffff) {
      const start = take(3);
      view.setUint8(start, major | 25);
      view.setUint16(start + 1, argument);
    } else {
      const start = take(5);
      view.setUint8(start, major | 26);
      view.setUint32(start + 1, argument);
    }
  };

  const writeBytes = (content: Uint8Array): void => {
    writeHead(MAJOR_BYTES, content.length);
    const start = take(content.length);
    bytes.set(content, start);
  };

  const writeText = (text: string): void => {
    assertDefect(
      !text.startsWith("\ufeff"),
      "cbor.value_unsupported",
      "cannot write a text that begins with a byte order mark; cut it off",
    );
    if (text.length < SHORT_TEXT && isAscii(text)) {
      writeHead(MAJOR_TEXT, text.length);
      const start = take(text.length);
      for (let index = 0; index < text.length; index += 1) {
        bytes[start + index] = text.charCodeAt(index);
      }
      return;
    }
    // A lone surrogate becomes U+FFFD.
    const utf8 = textEncoder.encode(text);
    writeHead(MAJOR_TEXT, utf8.length);
    const start = take(utf8.length);
    bytes.set(utf8, start);
  };

  const writeNumber = (number: number): void => {
    if (Number.isInteger(number) && number >= 0 && number <= HEAD_MAX) {
      // Also -0, as 0.
      writeHead(MAJOR_UNSIGNED, number + 0);
    } else if (Number.isInteger(number) && number < 0 && -1 - number <= HEAD_MAX) {
      writeHead(MAJOR_NEGATIVE, -1 - number);
    } else {
      const start = take(9);
      view.setUint8(start, FLOAT64);
      view.setFloat64(start + 1, number);
    }
  };

  const writeTypedArray = (array: ArrayBufferView): void => {
    for (const [tag, TypedArray] of typedArrayByTag) {
      if (!(array instanceof TypedArray)) continue;
      writeHead(MAJOR_TAG, tag);
      writeBytes(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
      return;
    }
    throw new Defect("cbor.value_unsupported", `cannot write a ${array.constructor.name}`);
  };

  const writeObject = (object: object, depth: number): void => {
    const prototype: unknown = Object.getPrototypeOf(object);
    assertDefect(
      prototype === Object.prototype || prototype === null,
      "cbor.value_unsupported",
      `cannot write a ${object.constructor?.name ?? "value"}; use a plain object`,
    );
    const entries = Object.entries(object).filter(([, item]) => item !== undefined);
    writeHead(MAJOR_MAP, entries.length);
    for (const [name, item] of entries) {
      assertDefect(name !== "__proto__", "cbor.value_unsupported", "cannot write a key __proto__");
      writeText(name);
      writeItem(item, depth + 1);
    }
  };

  const writeContainer = (object: object, depth: number): void => {
    assertDefect(
      depth < CBOR_DEPTH_MAX,
      "cbor.too_deep",
      `value nests deeper than ${CBOR_DEPTH_MAX}, or contains itself`,
    );
    if (Array.isArray(object)) {
      writeHead(MAJOR_ARRAY, object.length);
      for (const item of object) writeItem(item, depth + 1);
    } else if (object instanceof Uint8Array) {
      writeBytes(object);
    } else if (ArrayBuffer.isView(object)) {
      writeTypedArray(object);
    } else {
      writeObject(object, depth);
    }
  };

  const writeItem = (item: unknown, depth: number): void => {
    switch (typeof item) {
      case "string":
        return writeText(item);
      case "number":
        return writeNumber(item);
      case "boolean":
        return writeByte(item ? TRUE : FALSE);
      case "undefined":
        // In an array, where leaving it out would move the others.
        return writeByte(UNDEFINED);
      case "object":
        return item === null ? writeByte(NULL) : writeContainer(item, depth);
      default:
        throw new Defect("cbor.value_unsupported", `cannot write a ${typeof item}`);
    }
  };

  writeItem(value, 0);
  return bytes.slice(0, at);
}
