// Checks untrusted bytes against a small part of RFC 8949, before a library is let near them (docs/adr/0001). It makes no value.
import { CBOR_DEPTH_MAX } from "../limits.ts";

const MAJOR_UNSIGNED = 0;
const MAJOR_NEGATIVE = 1;
const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_MAP = 5;
const MAJOR_TAG = 6;
const MAJOR_SIMPLE = 7;

const BYTE_ORDER_MARK = "\ufeff";

/** RFC 8746, section 2.1: tags of little-endian typed arrays, and the bytes of an element. */
const elementBytesByTag: ReadonlyMap<number, number> = new Map([
  [69, 2],
  [70, 4],
  [71, 8],
  [72, 1],
  [77, 2],
  [78, 4],
  [79, 8],
  [85, 4],
  [86, 8],
]);

/** False, true, null and undefined carry no bytes, floats 2, 4 or 8. */
const bytesBySimple: ReadonlyMap<number, number> = new Map([
  [20, 0],
  [21, 0],
  [22, 0],
  [23, 0],
  [25, 2],
  [26, 4],
  [27, 8],
]);

// Keeps a byte order mark, which the check then sees.
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

/**
 * Looks for the first reason not to decode bytes.
 *
 * The grammar: one item and nothing behind it. An item is an integer from -2^32 to 2^53 - 1, a float of 2, 4 or 8 bytes, false,
 * true, null, undefined, text (UTF-8, not beginning with a byte order mark), bytes, an array, a map with different text keys
 * (none `__proto__`), or a tag of RFC 8746 with the bytes of a typed array. Every length is definite and there. Containers nest
 * at most `CBOR_DEPTH_MAX` deep.
 *
 * - Time is linear in `bytes.length`; memory is that of the keys of the maps that are open.
 *
 * @param itemsMax most values, keys included
 * @returns nothing where all is well
 * @example
 * checkCbor(Uint8Array.of(0x82, 0x01, 0xf6), 3); // => undefined
 * @example
 * checkCbor(Uint8Array.of(0x82, 0x01), 3); // => { what: "it ends inside a value", at: 1 }
 */
export function checkCbor(bytes: Uint8Array, itemsMax: number): CborProblem | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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

  const decodeText = (utf8: Uint8Array): string => {
    let text: string;
    try {
      text = textDecoder.decode(utf8);
    } catch {
      throw new Malformed("a text is not UTF-8");
    }
    if (text.startsWith(BYTE_ORDER_MARK)) {
      throw new Malformed("a text begins with a byte order mark");
    }
    return text;
  };

  const isAscii = (end: number): boolean => {
    for (let index = at; index < end; index += 1) {
      if ((bytes[index] ?? 0) >= 0x80) return false;
    }
    return true;
  };

  const checkText = (info: number): void => {
    const length = readLength(info);
    const end = at + length;
    if (!isAscii(end)) decodeText(bytes.subarray(at, end));
    at = end;
  };

  const readShortAscii = (end: number): string => {
    let text = "";
    for (let index = at; index < end; index += 1) text += String.fromCharCode(bytes[index] ?? 0);
    return text;
  };

  const readKey = (): string => {
    countItem();
    const first = view.getUint8(skip(1));
    if (first >> 5 !== MAJOR_TEXT) throw new Malformed("a key is not text");
    const length = readLength(first & 0x1f);
    const end = at + length;
    const key =
      length < SHORT_TEXT && isAscii(end)
        ? readShortAscii(end)
        : decodeText(bytes.subarray(at, end));
    at = end;
    // The one key that does not become a property of its own.
    if (key === "__proto__") throw new Malformed("a key is __proto__");
    return key;
  };

  const checkInteger = (info: number, isNegative: boolean): void => {
    if (isNegative && info === 27) throw new Malformed("an integer is under -2^32");
    if (readArgument(info) > Number.MAX_SAFE_INTEGER) {
      throw new Malformed("an integer is over 2^53 - 1");
    }
  };

  const checkTypedArray = (info: number): void => {
    const tag = readArgument(info);
    const elementBytes = elementBytesByTag.get(tag);
    if (elementBytes === undefined) throw new Malformed(`tag ${tag} is not allowed`);
    const first = view.getUint8(skip(1));
    if (first >> 5 !== MAJOR_BYTES) throw new Malformed("a typed array is not bytes");
    const length = readLength(first & 0x1f);
    if (length % elementBytes !== 0) {
      throw new Malformed("a typed array ends inside an element");
    }
    skip(length);
  };

  const checkSimple = (info: number): void => {
    const count = bytesBySimple.get(info);
    if (count === undefined) throw new Malformed("a simple value is not allowed");
    skip(count);
  };

  const checkArray = (info: number, depth: number): void => {
    const length = readLength(info);
    for (let index = 0; index < length; index += 1) checkItem(depth + 1);
  };

  const checkMap = (info: number, depth: number): void => {
    // A key and its value have a byte each at least.
    const length = readLength(info, 2);
    const keys = new Set<string>();
    for (let index = 0; index < length; index += 1) {
      keys.add(readKey());
      if (keys.size !== index + 1) throw new Malformed("a key is there twice");
      checkItem(depth + 1);
    }
  };

  const checkItem = (depth: number): void => {
    countItem();
    const first = view.getUint8(skip(1));
    const major = first >> 5;
    const info = first & 0x1f;
    if (major === MAJOR_UNSIGNED) checkInteger(info, false);
    else if (major === MAJOR_NEGATIVE) checkInteger(info, true);
    else if (major === MAJOR_BYTES) skip(readLength(info));
    else if (major === MAJOR_TEXT) checkText(info);
    else if (major === MAJOR_TAG) checkTypedArray(info);
    else if (major === MAJOR_SIMPLE) checkSimple(info);
    else if (depth >= CBOR_DEPTH_MAX) throw new Malformed(`it nests deeper than ${CBOR_DEPTH_MAX}`);
    else if (major === MAJOR_ARRAY) checkArray(info, depth);
    else if (major === MAJOR_MAP) checkMap(info, depth);
  };

  try {
    checkItem(0);
    if (at !== bytes.length) throw new Malformed("something follows it");
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { what: error.message, at };
  }
  return undefined;
}
