// How one record lies in a journal file, and what a journal file that was cut says. It must not read or write a file.
import { crc32c } from "./crc32c.ts";

/**
 * A frame is a header of five little-endian 32-bit numbers and the record:
 *
 * | offset | what |
 * | --- | --- |
 * | 0 | magic, the letters `AtJ1` |
 * | 4 | length of the record in bytes |
 * | 8 | place of the record in the file, from 0 |
 * | 12 | how many bytes of the file were durable when this frame was written |
 * | 16 | CRC-32C of the four numbers before and of the record |
 */
export const frameHeaderBytes = 20;

const magic = 0x314a_7441;

/** What a frame says besides its record. */
interface Frame {
  readonly record: Uint8Array;
  readonly place: number;
  readonly durableBytes: number;
}

/** Writes a frame into `into` at `offset`; the record follows the header there. Returns the end. */
export function writeFrame(
  record: Uint8Array,
  place: number,
  durableBytes: number,
  into: Uint8Array,
  offset: number,
): number {
  const view = new DataView(into.buffer, into.byteOffset + offset, frameHeaderBytes);
  view.setUint32(0, magic, true);
  view.setUint32(4, record.length, true);
  view.setUint32(8, place, true);
  view.setUint32(12, durableBytes, true);
  into.set(record, offset + frameHeaderBytes);
  view.setUint32(16, checksum(into, offset, record.length), true);
  return offset + frameHeaderBytes + record.length;
}

/** What is left of a journal file. */
export interface JournalContent {
  /** Views into the file, in the order in which they were written. */
  readonly records: readonly Uint8Array[];
  /** Where the last whole frame ends: the rest is torn. */
  readonly validBytes: number;
  /** Where a frame stands that was durable and is damaged, or null. */
  readonly damagedAt: number | null;
}

/**
 * Reads frames up to the first one that is not whole.
 *
 * A cut may leave a hole in what was not yet durable, with whole frames behind it: that is a torn tail, and all of it goes. A frame
 * behind the hole that says the hole was durable when it was written proves instead that the disk has lost what it had promised.
 */
export function readFrames(file: Uint8Array, recordBytesMax: number): JournalContent {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const records: Uint8Array[] = [];
  let validBytes = 0;
  for (;;) {
    const frame = frameAt(file, view, validBytes, recordBytesMax);
    if (frame === null || frame.place !== records.length) break;
    records.push(frame.record);
    validBytes += frameHeaderBytes + frame.record.length;
  }
  for (let offset = validBytes; offset + frameHeaderBytes <= file.length; offset++) {
    const frame = frameAt(file, view, offset, recordBytesMax);
    if (frame !== null && frame.durableBytes > validBytes) {
      return { records, validBytes, damagedAt: validBytes };
    }
  }
  return { records, validBytes, damagedAt: null };
}

function frameAt(
  file: Uint8Array,
  view: DataView,
  offset: number,
  recordBytesMax: number,
): Frame | null {
  if (offset + frameHeaderBytes > file.length || view.getUint32(offset, true) !== magic)
    return null;
  const length = view.getUint32(offset + 4, true);
  const end = offset + frameHeaderBytes + length;
  if (length > recordBytesMax || end > file.length) return null;
  if (view.getUint32(offset + 16, true) !== checksum(file, offset, length)) return null;
  return {
    record: file.subarray(offset + frameHeaderBytes, end),
    place: view.getUint32(offset + 8, true),
    durableBytes: view.getUint32(offset + 12, true),
  };
}

function checksum(file: Uint8Array, offset: number, recordBytes: number): number {
  const header = crc32c(file.subarray(offset, offset + 16));
  const start = offset + frameHeaderBytes;
  return crc32c(file.subarray(start, start + recordBytes), header);
}
