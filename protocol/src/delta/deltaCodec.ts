// A delta as bytes: int8 with one scale a tensor, then deflate. Sole owner of fflate. What decodes here is what counts:
// a ModelVersion is defined after this codec, so both sides rebuild it bit for bit.
//
//   2       tensor count, little endian (as all numbers here)
//   each    2 index of the tensor in the base's canonical order, 4 scale float32
//   rest    deflate (RFC 1951) of the int8 values of every tensor in order
import { deflateSync, inflateSync } from "fflate";
import { accept, assertDefect, type Outcome, refuse } from "../errors.ts";
import { DELTA_BYTES_MAX, TENSOR_COUNT_MAX } from "../limits.ts";
import type { ParameterSet } from "../parameters/parameterSet.ts";
import type { ParameterDelta } from "./parameterDelta.ts";

const HEADER_BYTES = 2;
const ENTRY_BYTES = 6;
/** Values run from -127 to 127: symmetric, so that a delta and its negative cost the same. */
const LEVELS = 127;

/**
 * Quantises and compresses a delta: about 1 byte a parameter or less. Loses at most half a `scale` (the tensor's largest
 * magnitude / 127) per value.
 *
 * @throws Defect `delta.not_finite` when a value is NaN or infinite: never send such a delta
 * @see Dettmers 2016, "8-bit approximations for parallelism in deep learning", section 2; here linear, one scale a tensor
 */
export function encodeDelta(delta: ParameterDelta): Uint8Array {
  const valueCount = delta.reduce((sum, { values }) => sum + values.length, 0);
  const header = new Uint8Array(HEADER_BYTES + ENTRY_BYTES * delta.length);
  const view = new DataView(header.buffer);
  const quantized = new Int8Array(valueCount);
  view.setUint16(0, delta.length, true);
  let at = 0;
  delta.forEach(({ index, values }, entry) => {
    let largest = 0;
    for (const value of values) {
      assertDefect(
        Number.isFinite(value),
        "delta.not_finite",
        `tensor ${index} holds NaN or infinity`,
      );
      largest = Math.max(largest, Math.abs(value));
    }
    const scale = Math.fround(largest / LEVELS);
    for (const value of values) {
      // A scale that underflows to zero means values that float32 cannot tell from no change.
      quantized[at] =
        scale === 0 ? 0 : Math.max(-LEVELS, Math.min(LEVELS, Math.round(value / scale)));
      at += 1;
    }
    view.setUint16(HEADER_BYTES + ENTRY_BYTES * entry, index, true);
    view.setFloat32(HEADER_BYTES + ENTRY_BYTES * entry + 2, scale, true);
  });
  const packed = deflateSync(new Uint8Array(quantized.buffer), { level: 9 });
  const bytes = new Uint8Array(header.length + packed.length);
  bytes.set(header);
  bytes.set(packed, header.length);
  return bytes;
}

/**
 * Reads a delta that is not trusted against the base that it names. The inflated size follows from the base's shapes and is
 * fixed before inflating, so a compression bomb stops at that size.
 *
 * @returns values as `fround(int8 * scale)`, or `delta.not_decodable`, `delta.shape_mismatch`, `delta.not_finite`
 */
export function decodeDelta(bytes: Uint8Array, base: ParameterSet): Outcome<ParameterDelta> {
  if (bytes.length > DELTA_BYTES_MAX) {
    return refuse(
      "delta.not_decodable",
      `delta has ${bytes.length} bytes, limit ${DELTA_BYTES_MAX}; train a smaller scope`,
    );
  }
  if (bytes.length < HEADER_BYTES) return refuse("delta.not_decodable", "delta has no header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tensorCount = view.getUint16(0, true);
  const packedAt = HEADER_BYTES + ENTRY_BYTES * tensorCount;
  if (tensorCount > TENSOR_COUNT_MAX || packedAt > bytes.length) {
    return refuse(
      "delta.not_decodable",
      `delta promises ${tensorCount} tensors and ends before them`,
    );
  }
  const entries: { index: number; scale: number; count: number }[] = [];
  let valueCount = 0;
  for (let entry = 0; entry < tensorCount; entry += 1) {
    const index = view.getUint16(HEADER_BYTES + ENTRY_BYTES * entry, true);
    const scale = view.getFloat32(HEADER_BYTES + ENTRY_BYTES * entry + 2, true);
    const tensor = base[index];
    const before = entries.at(-1);
    if (tensor === undefined || (before !== undefined && before.index >= index)) {
      return refuse(
        "delta.shape_mismatch",
        `delta names tensor ${index} of ${base.length}, or names them out of order; train from this base`,
      );
    }
    if (!Number.isFinite(scale) || scale < 0) {
      return refuse("delta.not_finite", `scale of ${tensor.name} is ${scale}; drop this delta`);
    }
    entries.push({ index, scale, count: tensor.data.length });
    valueCount += tensor.data.length;
  }
  // One byte more than promised: a stream that fills it is longer than the base allows.
  const room = new Uint8Array(valueCount + 1);
  let inflated: Uint8Array;
  try {
    inflated = inflateSync(bytes.subarray(packedAt), { out: room });
  } catch (error) {
    return refuse(
      "delta.not_decodable",
      `delta does not inflate (${error instanceof Error ? error.message : String(error)}); send it again`,
    );
  }
  if (inflated.length !== valueCount) {
    return refuse(
      "delta.shape_mismatch",
      `delta holds ${inflated.length > valueCount ? "more" : inflated.length} values, its tensors have ${valueCount}; train from this base`,
    );
  }
  const quantized = new Int8Array(inflated.buffer, inflated.byteOffset, inflated.length);
  let at = 0;
  const delta: { index: number; values: Float32Array }[] = [];
  for (const { index, scale, count } of entries) {
    const values = new Float32Array(count);
    for (let value = 0; value < count; value += 1) {
      values[value] = Math.fround((quantized[at] ?? 0) * scale);
      at += 1;
    }
    if (!values.every((value) => Number.isFinite(value))) {
      return refuse("delta.not_finite", `tensor ${index} overflows float32; drop this delta`);
    }
    delta.push({ index, values });
  }
  return accept(delta);
}
