// Brings blobs here: a retained MQTT message for small ones, HTTP ranges for large ones, each block checked before it is kept. It
// must not know what a blob holds.
import {
  accept,
  BLOB_BLOCK_BYTES,
  type BlobRef,
  type Cryptography,
  digestOf,
  Fault,
  MQTT_PAYLOAD_BYTES_MAX,
  type Outcome,
  refuse,
} from "@attune/protocol";
import type { BlobSource } from "../ports/blobSource.ts";
import type { Work } from "./effectRunner.ts";
import { type FileStore, fileNames, readChecked } from "./files.ts";

/** A message that is retained on a topic, or null when none came in time or there is no connection. */
export type ReadRetained = (ref: BlobRef, work: Work) => Promise<Uint8Array | null>;

/** Brings blobs into the store. */
export interface BlobFetcher {
  /**
   * Brings a blob into the store, unless it is there.
   *
   * @returns its bytes, or `blob.digest_mismatch` / `blob.too_large` when what came is false
   * @throws Fault when it cannot be had now; what has arrived is kept for the next attempt
   */
  fetch(ref: BlobRef, blobUrl: string, work: Work): Promise<Outcome<Uint8Array>>;
}

/** Creates a fetcher. */
export function createBlobFetcher(parts: {
  readonly files: FileStore;
  readonly source: BlobSource;
  readonly readRetained: ReadRetained;
  readonly cryptography: Cryptography;
}): BlobFetcher {
  const { files, source, readRetained, cryptography } = parts;

  function check(ref: BlobRef, bytes: Uint8Array): Outcome<Uint8Array> {
    if (bytes.length !== ref.bytes || digestOf(cryptography, bytes) !== ref.digest) {
      return refuse(
        "blob.digest_mismatch",
        `blob ${ref.digest.slice(0, 8)} has ${bytes.length} bytes with another digest, expected ${ref.bytes}; it was changed on the way`,
      );
    }
    return accept(bytes);
  }

  /** Blocks in order, each checked when it comes; a restart goes on after the last one on disk. */
  async function fetchBlocks(
    ref: BlobRef,
    url: string,
    { signal }: Work,
  ): Promise<Outcome<Uint8Array>> {
    const partial = fileNames.partialBlob(ref.digest);
    // One that fits a message names no blocks, also where it is larger than one: whole it is checked by its own digest.
    const isWhole = ref.blocks === undefined && ref.bytes <= MQTT_PAYLOAD_BYTES_MAX;
    const blockBytes = isWhole ? ref.bytes : BLOB_BLOCK_BYTES;
    const blockCount = isWhole ? 1 : Math.ceil(ref.bytes / BLOB_BLOCK_BYTES);
    const blocks = ref.blocks ?? (isWhole ? [ref.digest] : []);
    if (blocks.length !== blockCount) {
      return refuse(
        "blob.too_large",
        `blob ${ref.digest.slice(0, 8)} of ${ref.bytes} bytes names ${blocks.length} blocks, its size needs ${blockCount}; release it again`,
      );
    }
    const bytes = new Uint8Array(ref.bytes);
    let before: Uint8Array = (await files.read(partial)) ?? new Uint8Array();
    let at = 0;
    for (const [index, digest] of blocks.entries()) {
      const length = Math.min(blockBytes, ref.bytes - at);
      const kept = before.subarray(at, at + length);
      let block: Uint8Array;
      if (kept.length === length && digestOf(cryptography, kept) === digest) {
        block = kept;
      } else {
        if (before.length > at) {
          // What is on disk from here on was torn by a cut.
          await files.remove(partial);
          if (at > 0) await files.append(partial, bytes.subarray(0, at));
          before = new Uint8Array();
        }
        block = await source.read(url, at, length, signal);
        if (digestOf(cryptography, block) !== digest) {
          await files.remove(partial);
          return refuse(
            "blob.digest_mismatch",
            `block ${index} of blob ${ref.digest.slice(0, 8)} has another digest; it was changed on the way`,
          );
        }
        await files.append(partial, block);
      }
      bytes.set(block, at);
      at += length;
    }
    await files.remove(partial);
    return check(ref, bytes);
  }

  return {
    async fetch(ref, blobUrl, work) {
      const name = fileNames.blob(ref.digest);
      const there = await readChecked(files, name, ref.digest, cryptography);
      if (there !== null) return accept(there);
      let bytes: Outcome<Uint8Array> | null = null;
      if (ref.bytes <= MQTT_PAYLOAD_BYTES_MAX) {
        const retained = await readRetained(ref, work);
        if (retained !== null) bytes = check(ref, retained);
      }
      if (bytes === null) {
        if (blobUrl === "") {
          throw new Fault(`blob ${ref.digest.slice(0, 8)} is not here yet`, {
            code: "blob.not_found",
            hint: "it comes by MQTT once the device is connected and the hub has published it",
            isRetryable: true,
          });
        }
        bytes = await fetchBlocks(ref, `${blobUrl.replace(/\/$/, "")}/${ref.digest}`, work);
      }
      if (!bytes.ok) return bytes;
      await files.write(name, bytes.value);
      return bytes;
    },
  };
}
