// CBOR values in and out. Sole owner of cbor-x; callers have checked the size before they decode.
// Signatures and digests are always over the bytes received, never over a re-encoding: the library is not canonical.
import { Decoder, Encoder } from "cbor-x/index-no-eval";
import { accept, type Outcome, refuse } from "../errors.ts";

const options = {
  useRecords: false,
  mapsAsObjects: true,
  tagUint8Array: false,
  variableMapSize: true,
} as const;

/**
 * CBOR bytes of a plain value (objects, arrays, strings, numbers, booleans, null, Uint8Array).
 *
 * @example
 * encodeCbor({ a: 1 }).length; // => 4
 */
export function encodeCbor(value: unknown): Uint8Array {
  // A copy: the library hands out views of a buffer that its next call writes over.
  return new Uint8Array(new Encoder(options).encode(value));
}

/**
 * Decodes CBOR from someone who is not trusted.
 *
 * @returns the value, or `frame.not_decodable` for anything that is not one whole CBOR item, nested too deeply included
 * @example
 * decodeCbor(Uint8Array.of(0xa1, 0x61)).ok; // => false
 */
export function decodeCbor(bytes: Uint8Array): Outcome<unknown> {
  try {
    return accept(new Decoder(options).decode(bytes) as unknown);
  } catch (error) {
    return refuse(
      "frame.not_decodable",
      `payload of ${bytes.length} bytes is not one CBOR item (${error instanceof Error ? error.message : String(error)}); send it again`,
    );
  }
}
