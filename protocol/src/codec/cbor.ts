// CBOR values in and out: cbor-x writes and reads, behind a strict check of what comes from outside (docs/adr/0001). It must not
// know any message. Signatures and digests are always over the bytes received, never over a re-encoding.
//
// A value is null, true, false, a number, text, bytes, an array, a plain object, or a typed array (RFC 8746, little endian: what
// devices keep on their own disk; no message has one).
import { Encoder } from "cbor-x/index-no-eval";
import { accept, assertDefect, Defect, type Outcome, refuse } from "../errors.ts";
import { CBOR_DEPTH_MAX } from "../limits.ts";
import { checkCbor } from "./checkCbor.ts";

const options = {
  // Maps are maps: no private tags that only cbor-x understands.
  useRecords: false,
  mapsAsObjects: true,
  tagUint8Array: false,
  // The shortest head.
  variableMapSize: true,
  // What is decoded outlives the network's buffer.
  copyBuffers: true,
  // The check has seen that they are exact.
  int64AsNumber: true,
};
const codec = new Encoder(options);

const typedArrays = [
  Uint16Array,
  Uint32Array,
  BigUint64Array,
  Int8Array,
  Int16Array,
  Int32Array,
  BigInt64Array,
  Float32Array,
  Float64Array,
];

/**
 * CBOR bytes of a plain value: null, booleans, numbers, strings, `Uint8Array` and other typed arrays, arrays, plain objects.
 *
 * - Integers from -2^32 to 2^32 - 1 are written as integers in their shortest form, every other number as a float64; -0 becomes 0.
 * - A property that is `undefined` is left out; keys keep their order.
 * - A lone surrogate in a string becomes U+FFFD.
 *
 * @throws {@link Defect} `cbor.value_unsupported` for any other value, a text that begins with a byte order mark and a key
 *   `__proto__`; `cbor.too_deep` beyond `CBOR_DEPTH_MAX` (also for a cycle)
 * @example
 * encodeCbor({ a: 1 }); // => Uint8Array.of(0xa1, 0x61, 0x61, 0x01)
 */
export function encodeCbor(value: unknown): Uint8Array {
  // A copy: cbor-x goes on to write into the buffer that it returns a view of.
  return new Uint8Array(codec.encode(writable(value, 0)));
}

/**
 * Decodes CBOR from someone who is not trusted.
 *
 * - Time and memory are linear in `bytes.length`: a length is compared with what is there before anything is made for it.
 * - Byte strings and typed arrays are copies.
 *
 * @param itemsMax most values (keys included) that may be made, for a caller who knows what to expect
 * @returns the value, or `frame.not_decodable` for anything that is not one whole item of the grammar of {@link checkCbor}
 * @example
 * decodeCbor(Uint8Array.of(0xa1, 0x61, 0x61, 0x01)); // => { ok: true, value: { a: 1 } }
 * @example
 * decodeCbor(Uint8Array.of(0xa1, 0x61)).ok; // => false
 */
export function decodeCbor(
  bytes: Uint8Array,
  itemsMax: number = Number.POSITIVE_INFINITY,
): Outcome<unknown> {
  const problem = checkCbor(bytes, itemsMax);
  if (problem !== undefined) {
    return refuse(
      "frame.not_decodable",
      `payload of ${bytes.length} bytes is not one CBOR value (${problem.what}, at byte ${problem.at}); send it again`,
    );
  }
  try {
    // A view of its own: cbor-x leaves a property behind on the array that it is given.
    return accept(
      codec.decode(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)) as unknown,
    );
  } catch (error) {
    // Its size limits belong to the whole process: another part of the program may have lowered them.
    return refuse(
      "frame.not_decodable",
      `cbor-x does not decode ${bytes.length} bytes of good CBOR (${String(error)}); see who calls its setSizeLimits`,
    );
  }
}

/** What cbor-x writes as promised above: it would also write dates, iterables and classes, and some of them in ways of its own. */
function writable(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case "string":
      return writableText(value);
    case "number":
    case "boolean":
    case "undefined":
      return value;
    case "object":
      return value === null ? null : writableObject(value, depth);
    default:
      throw new Defect("cbor.value_unsupported", `cannot write a ${typeof value}`);
  }
}

function writableText(text: string): string {
  assertDefect(
    !text.startsWith("\ufeff"),
    "cbor.value_unsupported",
    "cannot write a text that begins with a byte order mark; cut it off",
  );
  return text.toWellFormed();
}

function writableObject(object: object, depth: number): object {
  assertDefect(
    depth < CBOR_DEPTH_MAX,
    "cbor.too_deep",
    `value nests deeper than ${CBOR_DEPTH_MAX}, or contains itself`,
  );
  if (Array.isArray(object)) return Array.from(object, (item) => writable(item, depth + 1));
  if (object instanceof Uint8Array) {
    return new Uint8Array(object.buffer, object.byteOffset, object.byteLength);
  }
  if (ArrayBuffer.isView(object)) {
    assertDefect(
      typedArrays.some((type) => object instanceof type),
      "cbor.value_unsupported",
      `cannot write a ${object.constructor.name}`,
    );
    return object;
  }
  const prototype: unknown = Object.getPrototypeOf(object);
  assertDefect(
    prototype === Object.prototype || prototype === null,
    "cbor.value_unsupported",
    `cannot write a ${object.constructor?.name ?? "value"}; use a plain object`,
  );
  const copy: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(object)) {
    if (item === undefined) continue;
    assertDefect(name !== "__proto__", "cbor.value_unsupported", "cannot write a key __proto__");
    copy[writableText(name)] = writable(item, depth + 1);
  }
  return copy;
}
