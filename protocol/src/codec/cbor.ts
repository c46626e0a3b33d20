// CBOR values in and out, strictly (docs/adr/0001, 0016). It must not know any message. Signatures and digests are always over the
// bytes received, never over a re-encoding.
//
// A value is null, true, false, a number, text, bytes, an array, a plain object, or a typed array (RFC 8746, little endian: what
// devices keep on their own disk; no message has one).
import { accept, type Outcome, refuse } from "../errors.ts";
import { readCbor } from "./readCbor.ts";
import { writeCbor } from "./writeCbor.ts";

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
  return writeCbor(value);
}

/**
 * Decodes CBOR from someone who is not trusted.
 *
 * - Time and memory are linear in `bytes.length`: a length is compared with what is there before anything is made for it.
 * - Byte strings and typed arrays are copies.
 *
 * @param itemsMax most values (keys included) that may be made, for a caller who knows what to expect
 * @returns the value, or `frame.not_decodable` for anything that is not one whole item of the grammar of {@link readCbor}
 * @example
 * decodeCbor(Uint8Array.of(0xa1, 0x61, 0x61, 0x01)); // => { ok: true, value: { a: 1 } }
 * @example
 * decodeCbor(Uint8Array.of(0xa1, 0x61)).ok; // => false
 */
export function decodeCbor(
  bytes: Uint8Array,
  itemsMax: number = Number.POSITIVE_INFINITY,
): Outcome<unknown> {
  const read = readCbor(bytes, itemsMax);
  if ("value" in read) return accept(read.value);
  return refuse(
    "frame.not_decodable",
    `payload of ${bytes.length} bytes is not one CBOR value (${read.what}, at byte ${read.at}); send it again`,
  );
}
