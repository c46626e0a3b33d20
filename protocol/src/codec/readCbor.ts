// Reads a small part of RFC 8949 from someone who is not trusted (docs/adr/0001, 0016). It must not know any message.
import { CBOR_DEPTH_MAX } from "../limits.ts";

const MAJOR_UNSIGNED = 0;
const MAJOR_NEGATIVE = 1;
const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_MAP = 5;
const MAJOR_TAG = 6;

const BYTE_ORDER_MARK = "\ufeff";

/** RFC 8746, section 2.1: little-endian typed arrays by tag; RFC 8949 has plain bytes for `Uint8Array`. */
export const typedArrayByTag: ReadonlyMap<
  number,
  {
    readonly BYTES_PER_ELEMENT: number;
    new (buffer: ArrayBuffer): ArrayBufferView;
  }
> = new Map<number, never>(
  (
    [
      [69, Uint16Array],
      [70, Uint32Array],
      [71, BigUint64Array],
      [72, Int8Array],
      [77, Int16Array],
      [78, Int32Array],
      [79, BigInt64Array],
      [85, Float32Array],
      [86, Float64Array],
    ] as const
  ).map(([tag, type]) => [tag, type as never]),
);

// Keeps a byte order mark, which is then refused.
const textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Below this ASCII needs no decoder. */
const SHORT_TEXT = 72;

/** What is wrong with bytes, and where. */
export interface CborProblem {
  readonly what: string;
  readonly at: number;
}

/** Ends the walk; never leaves this file. */
class Malformed extends Error {}

/** RFC 8949, appendix D. */
function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent < 31) return sign * (1024 + fraction) * 2 ** (exponent - 25);
  return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
}

/**
 * Reads one value, or finds the first reason not to.
 *
 * The grammar: one item and nothing behind it. An item is an integer from -2^32 to 2^53 - 1, a float of 2, 4 or 8 bytes, false,
 * true, null, undefined, text (UTF-8, not beginning with a byte order mark), bytes, an array, a map with different text keys
 * (none `__proto__`), or a tag of RFC 8746 with the bytes of a typed array. Every length is definite and there. Containers nest
 * at most `CBOR_DEPTH_MAX` deep.
 *
 * - Time and memory are linear in `bytes.length`: a length is compared with what is there before anything is made for it.
 * - Bytes and typed arrays are copies.
 *
 * @param itemsMax most values, keys included
 * @example
 * readCbor(Uint8Array.of(0x82, 0x01, 0xf6), 3); // => { value: [1, null] }
 * @example
 * readCbor(Uint8Array.of(0x82, 0x01), 3); // => { what: "it ends inside a value", at: 1 }
 */
export function readCbor(
  bytes: Uint8Array,
  itemsMax: number,
): { readonly value: unknown } | CborProblem {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // A Buffer's slice would be no copy.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let items = 0;

  const need = (count: number): void => {
    if (count > bytes.length - at) throw new Malformed("it ends inside a value");
  };

  const skip = (count: number): number => {
    need(count);
    at += count;
    return at - count;
  };

  const countItem = (): void => {
    items += 1;
    if (items > itemsMax) throw new Malformed(`it holds more than ${itemsMax} values`);
  };

  const readArgument = (info: number): number => {
    if (info < 24) return info;
    if (info === 24) return view.getUint8(skip(1));
    if (info === 25) return view.getUint16(skip(2));
    if (info === 26) return view.getUint32(skip(4));
    if (info !== 27) throw new Malformed("a length is indefinite or reserved");
    const start = skip(8);
    return view.getUint32(start) * 0x100000000 + view.getUint32(start + 4);
  };

  /** A length that the bytes which are left can hold, so that it never needs eight bytes to be said. */
  const readLength = (info: number, leastBytesEach = 1): number => {
    if (info === 27) throw new Malformed("a length has eight bytes");
    const length = readArgument(info);
    need(length * leastBytesEach);
    return length;
  };

  const readText = (info: number): string => {
    const length = readLength(info);
    const start = skip(length);
    if (length < SHORT_TEXT) {
      let text = "";
      let index = start;
      for (; index < at; index += 1) {
        const byte = bytes[index] as number;
        if (byte >= 0x80) break;
        text += String.fromCharCode(byte);
      }
      if (index === at) return text;
    }
    let text: string;
    try {
      text = textDecoder.decode(bytes.subarray(start, at));
    } catch {
      throw new Malformed("a text is not UTF-8");
    }
    if (text.startsWith(BYTE_ORDER_MARK)) {
      throw new Malformed("a text begins with a byte order mark");
    }
    return text;
  };

  const readBytes = (info: number): Uint8Array<ArrayBuffer> => {
    const start = skip(readLength(info));
    return plain.slice(start, at);
  };

  const readInteger = (info: number): number => {
    const value = readArgument(info);
    if (value > Number.MAX_SAFE_INTEGER) throw new Malformed("an integer is over 2^53 - 1");
    return value;
  };

  const readNegative = (info: number): number => {
    if (info === 27) throw new Malformed("an integer is under -2^32");
    return -1 - readArgument(info);
  };

  const readTypedArray = (info: number): ArrayBufferView => {
    const tag = readArgument(info);
    const TypedArray = typedArrayByTag.get(tag);
    if (TypedArray === undefined) throw new Malformed(`tag ${tag} is not allowed`);
    const first = view.getUint8(skip(1));
    if (first >> 5 !== MAJOR_BYTES) throw new Malformed("a typed array is not bytes");
    const content = readBytes(first & 0x1f);
    if (content.length % TypedArray.BYTES_PER_ELEMENT !== 0) {
      throw new Malformed("a typed array ends inside an element");
    }
    return new TypedArray(content.buffer);
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
        return halfFloat(view.getUint16(skip(2)));
      case 26:
        return view.getFloat32(skip(4));
      case 27:
        return view.getFloat64(skip(8));
      default:
        throw new Malformed("a simple value is not allowed");
    }
  };

  const readArray = (info: number, depth: number): unknown[] => {
    const length = readLength(info);
    const array: unknown[] = [];
    for (let index = 0; index < length; index += 1) array.push(readItem(depth + 1));
    return array;
  };

  const readKey = (): string => {
    countItem();
    const first = view.getUint8(skip(1));
    if (first >> 5 !== MAJOR_TEXT) throw new Malformed("a key is not text");
    const key = readText(first & 0x1f);
    // The one key that does not become a property of its own.
    if (key === "__proto__") throw new Malformed("a key is __proto__");
    return key;
  };

  const readMap = (info: number, depth: number): Record<string, unknown> => {
    // A key and its value have a byte each at least.
    const length = readLength(info, 2);
    const map: Record<string, unknown> = {};
    for (let index = 0; index < length; index += 1) {
      const key = readKey();
      if (Object.hasOwn(map, key)) throw new Malformed("a key is there twice");
      map[key] = readItem(depth + 1);
    }
    return map;
  };

  const readItem = (depth: number): unknown => {
    countItem();
    const first = view.getUint8(skip(1));
    const major = first >> 5;
    const info = first & 0x1f;
    if (major === MAJOR_UNSIGNED) return readInteger(info);
    if (major === MAJOR_NEGATIVE) return readNegative(info);
    if (major === MAJOR_BYTES) return readBytes(info);
    if (major === MAJOR_TEXT) return readText(info);
    if (major === MAJOR_TAG) return readTypedArray(info);
    if (major !== MAJOR_ARRAY && major !== MAJOR_MAP) return readSimple(info);
    if (depth >= CBOR_DEPTH_MAX) throw new Malformed(`it nests deeper than ${CBOR_DEPTH_MAX}`);
    return major === MAJOR_ARRAY ? readArray(info, depth) : readMap(info, depth);
  };

  try {
    const value = readItem(0);
    if (at !== bytes.length) throw new Malformed("something follows it");
    return { value };
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { what: error.message, at };
  }
}
