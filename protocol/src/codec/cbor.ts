// CBOR values in and out: a small, strict part of RFC 8949, our own (docs/adr/0001). It must not know any message.
// Signatures and digests are always over the bytes received, never over a re-encoding.
//
// A value is null, true, false, a number, text, bytes, an array, a map with text keys, or a typed array (RFC 8746, little
// endian: what devices keep on their own disk; no message has one). Lengths are definite, keys are unique, nothing else decodes:
// no other tag, no bignum, no reference, no simple value.
import { accept, assertDefect, Defect, type Outcome, refuse } from "../errors.ts";
import { CBOR_DEPTH_MAX } from "../limits.ts";

const MAJOR_UNSIGNED = 0;
const MAJOR_NEGATIVE = 1;
const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_MAP = 5;
const MAJOR_TAG = 6;
const MAJOR_SIMPLE = 7;

const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;
const UNDEFINED = 0xf7;
const FLOAT64 = 0xfb;

/** RFC 8746, section 2.1: tags of little-endian typed arrays. */
const typedArrays = [
  { tag: 69, type: Uint16Array },
  { tag: 70, type: Uint32Array },
  { tag: 71, type: BigUint64Array },
  { tag: 72, type: Int8Array },
  { tag: 77, type: Int16Array },
  { tag: 78, type: Int32Array },
  { tag: 79, type: BigInt64Array },
  { tag: 85, type: Float32Array },
  { tag: 86, type: Float64Array },
] as const;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Below this a loop over ASCII is quicker than the platform's encoder and decoder. */
const SHORT_TEXT = 72;

/**
 * CBOR bytes of a plain value: null, booleans, numbers, strings, `Uint8Array` and other typed arrays, arrays, plain objects.
 *
 * - Integers up to 2^53 - 1 are written as integers in their shortest form, every other number (-0 too) as a float64.
 * - A property that is `undefined` is left out; keys keep their order.
 * - A lone surrogate in a string becomes U+FFFD.
 *
 * @throws {@link Defect} `cbor.value_unsupported` for any other value, `cbor.too_deep` beyond `CBOR_DEPTH_MAX` (also for a cycle)
 * @example
 * encodeCbor({ a: 1 }); // => Uint8Array.of(0xa1, 0x61, 0x61, 0x01)
 */
export function encodeCbor(value: unknown): Uint8Array {
  let buffer = new Uint8Array(512);
  let view = new DataView(buffer.buffer);
  let at = 0;

  const reserve = (bytes: number): void => {
    if (at + bytes <= buffer.length) return;
    const grown = new Uint8Array(Math.max(buffer.length * 2, at + bytes));
    grown.set(buffer.subarray(0, at));
    buffer = grown;
    view = new DataView(buffer.buffer);
  };

  const writeHead = (major: number, argument: number): void => {
    reserve(9);
    const first = major << 5;
    if (argument < 24) {
      buffer[at] = first | argument;
      at += 1;
    } else if (argument < 0x100) {
      buffer[at] = first | 24;
      buffer[at + 1] = argument;
      at += 2;
    } else if (argument < 0x10000) {
      buffer[at] = first | 25;
      view.setUint16(at + 1, argument);
      at += 3;
    } else if (argument < 0x100000000) {
      buffer[at] = first | 26;
      view.setUint32(at + 1, argument);
      at += 5;
    } else {
      buffer[at] = first | 27;
      view.setUint32(at + 1, Math.floor(argument / 0x100000000));
      view.setUint32(at + 5, argument % 0x100000000);
      at += 9;
    }
  };

  const writeByte = (byte: number): void => {
    reserve(1);
    buffer[at] = byte;
    at += 1;
  };

  const writeBytes = (major: number, bytes: Uint8Array): void => {
    writeHead(major, bytes.length);
    reserve(bytes.length);
    buffer.set(bytes, at);
    at += bytes.length;
  };

  const writeText = (text: string): void => {
    if (text.length < SHORT_TEXT) {
      const start = at;
      writeHead(MAJOR_TEXT, text.length);
      reserve(text.length);
      let isAscii = true;
      for (let index = 0; index < text.length && isAscii; index += 1) {
        const code = text.charCodeAt(index);
        isAscii = code < 0x80;
        buffer[at + index] = code;
      }
      if (isAscii) {
        at += text.length;
        return;
      }
      at = start;
    }
    writeBytes(MAJOR_TEXT, textEncoder.encode(text));
  };

  const writeNumber = (number: number): void => {
    if (Number.isSafeInteger(number) && !Object.is(number, -0)) {
      if (number >= 0) writeHead(MAJOR_UNSIGNED, number);
      else writeHead(MAJOR_NEGATIVE, -1 - number);
      return;
    }
    reserve(9);
    buffer[at] = FLOAT64;
    view.setFloat64(at + 1, number);
    at += 9;
  };

  const writeObject = (object: object, depth: number): void => {
    assertDefect(
      depth < CBOR_DEPTH_MAX,
      "cbor.too_deep",
      `value nests deeper than ${CBOR_DEPTH_MAX}, or contains itself`,
    );
    if (Array.isArray(object)) {
      writeHead(MAJOR_ARRAY, object.length);
      for (const item of object) write(item, depth + 1);
      return;
    }
    if (object instanceof Uint8Array) {
      writeBytes(MAJOR_BYTES, object);
      return;
    }
    if (ArrayBuffer.isView(object)) {
      const known = typedArrays.find(({ type }) => object instanceof type);
      assertDefect(
        known !== undefined,
        "cbor.value_unsupported",
        `cannot write a ${object.constructor.name}`,
      );
      writeHead(MAJOR_TAG, known.tag);
      // Every engine that Attune runs on is little endian, as the tag says.
      writeBytes(MAJOR_BYTES, new Uint8Array(object.buffer, object.byteOffset, object.byteLength));
      return;
    }
    const prototype: unknown = Object.getPrototypeOf(object);
    assertDefect(
      prototype === Object.prototype || prototype === null,
      "cbor.value_unsupported",
      `cannot write a ${object.constructor?.name ?? "value"}; use a plain object`,
    );
    const entries = Object.entries(object);
    let present = 0;
    for (const [, item] of entries) if (item !== undefined) present += 1;
    writeHead(MAJOR_MAP, present);
    for (const [key, item] of entries) {
      if (item === undefined) continue;
      writeText(key);
      write(item, depth + 1);
    }
  };

  const write = (item: unknown, depth: number): void => {
    if (typeof item === "string") writeText(item);
    else if (typeof item === "number") writeNumber(item);
    else if (typeof item === "boolean") writeByte(item ? TRUE : FALSE);
    else if (item === null) writeByte(NULL);
    else if (item === undefined) writeByte(UNDEFINED);
    else if (typeof item === "object") writeObject(item, depth);
    else throw new Defect("cbor.value_unsupported", `cannot write a ${typeof item}`);
  };

  write(value, 0);
  return buffer.slice(0, at);
}

/** Why bytes do not decode; never leaves this file. */
class Malformed extends Error {}

const float16 = (bits: number): number => {
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};

/**
 * Decodes CBOR from someone who is not trusted.
 *
 * - Time and memory are linear in `bytes.length`: a length is compared with what is there before anything is made for it.
 * - Byte strings are views into `bytes`; typed arrays are copies.
 *
 * @param itemsMax most values (keys included) that may be made, for a caller who knows what to expect
 * @returns the value, or `frame.not_decodable` for anything that is not one whole item of the part that this file names
 * @example
 * decodeCbor(Uint8Array.of(0xa1, 0x61, 0x61, 0x01)); // => { ok: true, value: { a: 1 } }
 * @example
 * decodeCbor(Uint8Array.of(0xa1, 0x61)).ok; // => false
 */
export function decodeCbor(
  bytes: Uint8Array,
  itemsMax: number = Number.POSITIVE_INFINITY,
): Outcome<unknown> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let items = 0;

  const need = (count: number): void => {
    if (count > bytes.length - at) throw new Malformed("it ends inside a value");
  };

  const readArgument = (info: number): number => {
    if (info < 24) return info;
    if (info === 24) {
      need(1);
      at += 1;
      return view.getUint8(at - 1);
    }
    if (info === 25) {
      need(2);
      at += 2;
      return view.getUint16(at - 2);
    }
    if (info === 26) {
      need(4);
      at += 4;
      return view.getUint32(at - 4);
    }
    if (info !== 27) throw new Malformed("a length is indefinite or reserved");
    need(8);
    at += 8;
    const number = view.getUint32(at - 8) * 0x100000000 + view.getUint32(at - 4);
    if (number > Number.MAX_SAFE_INTEGER) throw new Malformed("an integer is over 2^53 - 1");
    return number;
  };

  const readBytes = (length: number): Uint8Array => {
    need(length);
    at += length;
    return bytes.subarray(at - length, at);
  };

  const readText = (length: number): string => {
    const utf8 = readBytes(length);
    if (length < SHORT_TEXT) {
      let text = "";
      for (const byte of utf8) {
        if (byte >= 0x80) break;
        text += String.fromCharCode(byte);
      }
      if (text.length === length) return text;
    }
    try {
      return textDecoder.decode(utf8);
    } catch {
      throw new Malformed("a text is not UTF-8");
    }
  };

  const readKey = (): string => {
    need(1);
    const first = view.getUint8(at);
    at += 1;
    if (first >> 5 !== MAJOR_TEXT) throw new Malformed("a key is not text");
    const key = readText(readArgument(first & 0x1f));
    if (key === "__proto__") throw new Malformed("a key is __proto__");
    return key;
  };

  const readTypedArray = (tag: number): ArrayBufferView => {
    const known = typedArrays.find((candidate) => candidate.tag === tag);
    if (known === undefined) throw new Malformed(`tag ${tag} is not allowed`);
    need(1);
    const first = view.getUint8(at);
    at += 1;
    if (first >> 5 !== MAJOR_BYTES) throw new Malformed("a typed array is not bytes");
    const content = readBytes(readArgument(first & 0x1f));
    if (content.length % known.type.BYTES_PER_ELEMENT !== 0) {
      throw new Malformed("a typed array ends inside an element");
    }
    return new known.type(content.slice().buffer);
  };

  const readSimple = (info: number): unknown => {
    switch (info) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
        return null;
      case 23:
        return undefined;
      case 25:
        return float16(readArgument(info));
      case 26:
        need(4);
        at += 4;
        return view.getFloat32(at - 4);
      case 27:
        need(8);
        at += 8;
        return view.getFloat64(at - 8);
      default:
        throw new Malformed("a simple value is not allowed");
    }
  };

  const read = (depth: number): unknown => {
    items += 1;
    if (items > itemsMax) throw new Malformed(`it holds more than ${itemsMax} values`);
    need(1);
    const first = view.getUint8(at);
    at += 1;
    const major = first >> 5;
    if (major === MAJOR_SIMPLE) return readSimple(first & 0x1f);
    const argument = readArgument(first & 0x1f);
    if (major === MAJOR_UNSIGNED) return argument;
    if (major === MAJOR_NEGATIVE) {
      if (argument === Number.MAX_SAFE_INTEGER)
        throw new Malformed("an integer is under -(2^53 - 1)");
      return -1 - argument;
    }
    if (major === MAJOR_BYTES) return readBytes(argument);
    if (major === MAJOR_TEXT) return readText(argument);
    if (major === MAJOR_TAG) return readTypedArray(argument);
    if (depth >= CBOR_DEPTH_MAX) throw new Malformed(`it nests deeper than ${CBOR_DEPTH_MAX}`);
    if (major === MAJOR_ARRAY) {
      // Every item has a byte at least: a length beyond that is a lie, and would be a large array.
      need(argument);
      const array: unknown[] = [];
      for (let index = 0; index < argument; index += 1) array.push(read(depth + 1));
      return array;
    }
    need(2 * argument);
    const object: Record<string, unknown> = {};
    for (let index = 0; index < argument; index += 1) {
      items += 1;
      const key = readKey();
      if (Object.hasOwn(object, key)) throw new Malformed("a key is there twice");
      object[key] = read(depth + 1);
    }
    return object;
  };

  try {
    const value = read(0);
    if (at !== bytes.length) throw new Malformed("something follows it");
    return accept(value);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return refuse(
      "frame.not_decodable",
      `payload of ${bytes.length} bytes is not one CBOR value (${error.message}, at byte ${at}); send it again`,
    );
  }
}
