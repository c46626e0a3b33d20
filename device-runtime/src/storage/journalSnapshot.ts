// How a snapshot lies in its file. It must not read or write a file.
import { crc32c } from "./crc32c.ts";

/** Magic, format, generation, length, checksum: five little-endian 32-bit numbers, then the snapshot. */
const headerBytes = 20;

/** The letters `AtS1`. */
const magic = 0x3153_7441;

const format = 1;

/** A snapshot with the generation of the journal that goes on after it. */
export interface JournalSnapshot {
  readonly generation: number;
  readonly bytes: Uint8Array;
}

/** The content of a snapshot's file. */
export function encodeSnapshot({ generation, bytes }: JournalSnapshot): Uint8Array {
  const file = new Uint8Array(headerBytes + bytes.length);
  const view = new DataView(file.buffer);
  view.setUint32(0, magic, true);
  view.setUint32(4, format, true);
  view.setUint32(8, generation, true);
  view.setUint32(12, bytes.length, true);
  file.set(bytes, headerBytes);
  view.setUint32(16, checksum(file), true);
  return file;
}

/** Reads a snapshot's file; null when it is not one, or damaged. */
export function decodeSnapshot(file: Uint8Array): JournalSnapshot | null {
  if (file.length < headerBytes) return null;
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const isWhole =
    view.getUint32(0, true) === magic &&
    view.getUint32(4, true) === format &&
    view.getUint32(12, true) === file.length - headerBytes &&
    view.getUint32(16, true) === checksum(file);
  if (!isWhole) return null;
  return { generation: view.getUint32(8, true), bytes: file.subarray(headerBytes) };
}

function checksum(file: Uint8Array): number {
  return crc32c(file.subarray(headerBytes), crc32c(file.subarray(0, 16)));
}
