// A delta as bytes: int8 with one scale a tensor, then deflate. Sole owner of fflate. What decodes here is what counts:
// a ModelVersion is defined after this codec, so both sides rebuild it bit for bit.
//
//   2       tensor count, little endian (as all numbers here)
//   each    2 index of the tensor in the base's canonical order, 4 scale float32
//   rest    deflate (RFC 1951) of the int8 values of every tensor in order
import { deflateSync } from "fflate";
import { accept, assertDefect, type Outcome, refuse } from "../errors.ts";
import { DELTA_BYTES_MAX, TENSOR_COUNT_MAX } from "../limits.ts";
import type { ParameterSet } from "../parameters/parameterSet.ts";
import { inflateInto } from "./inflate.ts";
import type { ParameterDelta } from "./parameterDelta.ts";

const HEADER_BYTES = 2;
const ENTRY_BYTES = 6;
/** Values are written from -127 to 127: symmetric, so that a delta and its negative cost the same. A reader takes -128 too. */
const LEVELS = 127;
/** 2^-126, the least normal float32: below it a scale has too few digits, and the change is far below any weight's rounding. */
const SCALE_MIN: number = 2 ** -126;
/** The largest float32 / 128: whatever int8 it multiplies, the product is finite. */
const SCALE_MAX: number = 2 ** 121 - 2 ** 97;

/**
 * Quantises and compresses a delta: about 1 byte a parameter or less. Loses at most half a `scale` (the tensor's largest
 * magnitude / 127) per value, and 8e-6 of one for rounding to float32. A tensor without a value above 1.5e-36 becomes zeros.
 *
 * @returns the bytes; more than `DELTA_BYTES_MAX` would be refused, so check before sending
 * @throws Defect `delta.not_finite` when a value is NaN, infinite or above 3.3e38: never send such a delta
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
      // NaN stays NaN.
      largest = Math.max(largest, Math.abs(value));
    }
    const exact = Math.fround(largest / LEVELS);
    assertDefect(
      exact <= SCALE_MAX,
      "delta.not_finite",
      `tensor ${index} holds NaN, infinity or a value over ${SCALE_MAX * LEVELS}`,
    );
    const scale = exact < SCALE_MIN ? 0 : exact;
    for (const value of values) {
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
 * fixed before inflating, so that a compression bomb stops at that size.
 *
 * A caller checks its norm before `applyDelta`: within any sane norm no sum overflows.
 *
 * @returns values as `fround(int8 * scale)`, all finite, or `delta.not_decodable`, `delta.shape_mismatch`, `delta.not_finite`
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
    entries.push({ index, scale, count: tensor.data.length });
    valueCount += tensor.data.length;
  }
  const quantized = new Int8Array(valueCount);
  const problem = inflateInto(bytes.subarray(packedAt), new Uint8Array(quantized.buffer));
  if (problem !== undefined) {
    return problem.isSize
      ? refuse("delta.shape_mismatch", `delta ${problem.what}; train from this base`)
      : refuse("delta.not_decodable", `delta ${problem.what}; send it again`);
  }
  let at = 0;
  const delta: { index: number; values: Float32Array }[] = [];
  for (const { index, scale, count } of entries) {
    if (!(scale >= 0 && scale <= SCALE_MAX)) {
      return refuse(
        "delta.not_finite",
        `scale of tensor ${index} is ${scale}, it must be 0 to ${SCALE_MAX}; drop this delta`,
      );
    }
    const values = new Float32Array(count);
    for (let value = 0; value < count; value += 1) {
      values[value] = Math.fround((quantized[at] ?? 0) * scale);
      at += 1;
    }
    delta.push({ index, values });
  }
  return accept(delta);
}
