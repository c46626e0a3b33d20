import {
  BLOB_BLOCK_BYTES,
  type BlobRef,
  digestOf,
  Fault,
  MQTT_PAYLOAD_BYTES_MAX,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { describe, expect, it } from "vitest";
import { createMemoryStorage } from "../adapters/memoryStorage.ts";
import { blobRefOf } from "../package/modelPackage.ts";
import type { Storage } from "../ports/storage.ts";
import { createBlobFetcher } from "./blobFetcher.ts";
import type { Work } from "./effectRunner.ts";
import { fileNames, openFileStore } from "./files.ts";

const work: Work = { signal: new AbortController().signal, pause: () => () => undefined };
const bytesOf = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 31) % 253);
const large = bytesOf(3 * BLOB_BLOCK_BYTES + 100);
const small = bytesOf(1000);

/** A fetcher with a server that has `served` and a broker that has `retained`. */
async function open(options: {
  readonly storage?: Storage;
  readonly served?: Uint8Array;
  readonly retained?: Uint8Array | null;
}) {
  const storage = options.storage ?? createMemoryStorage();
  const files = await openFileStore(storage);
  const reads: number[] = [];
  const fetcher = createBlobFetcher({
    files,
    cryptography: nodeCryptography,
    readRetained: () => Promise.resolve(options.retained ?? null),
    source: {
      read(_url, from, length) {
        reads.push(from);
        return options.served === undefined
          ? Promise.reject(new Fault("no", { code: "blob.unreachable", hint: "" }))
          : Promise.resolve(options.served.slice(from, from + length));
      },
    },
  });
  const fetch = (ref: BlobRef, url = "http://hub/blobs/") => fetcher.fetch(ref, url, work);
  return { fetch, reads, storage, files };
}

describe("a blob", () => {
  it("[DR31] comes by message when it is small, and by HTTP when nobody has retained it", async () => {
    const ref = blobRefOf(small, nodeCryptography);
    const byMessage = await open({ retained: small });
    expect(await byMessage.fetch(ref)).toEqual({ ok: true, value: small });
    expect(byMessage.reads).toEqual([]);
    const byHttp = await open({ served: small });
    expect(await byHttp.fetch(ref)).toEqual({ ok: true, value: small });
    expect(await byHttp.fetch(ref)).toEqual({ ok: true, value: small });
    expect(byHttp.reads).toEqual([0]);
  });

  it("[DR31] that fits one message, and is larger than a block, comes by HTTP all the same when its message is late", async () => {
    for (const length of [BLOB_BLOCK_BYTES, BLOB_BLOCK_BYTES + 1, MQTT_PAYLOAD_BYTES_MAX]) {
      const bytes = bytesOf(length);
      const ref = blobRefOf(bytes, nodeCryptography);
      expect(ref.blocks).toBeUndefined();
      const { fetch, reads } = await open({ served: bytes });
      expect(await fetch(ref)).toEqual({ ok: true, value: bytes });
      expect(reads).toEqual([0]);
      const changed = await open({ served: Uint8Array.from(bytes, (byte) => byte ^ 1) });
      expect(await changed.fetch(ref)).toMatchObject({
        refusal: { code: "blob.digest_mismatch" },
      });
    }
  });

  it("[DR31] that is nowhere is a fault that may pass", async () => {
    const { fetch } = await open({});
    await expect(fetch(blobRefOf(small, nodeCryptography), "")).rejects.toMatchObject({
      code: "blob.not_found",
      isRetryable: true,
    });
    await expect(fetch(blobRefOf(small, nodeCryptography))).rejects.toMatchObject({
      code: "blob.unreachable",
    });
  });

  it("[DR31] blob.digest_mismatch: it was changed on the way, as a whole or in one block", async () => {
    const changed = small.slice();
    changed[5] = 0;
    const { fetch } = await open({ retained: changed });
    expect(await fetch(blobRefOf(small, nodeCryptography))).toMatchObject({
      refusal: { code: "blob.digest_mismatch" },
    });
    const torn = large.slice();
    torn[BLOB_BLOCK_BYTES + 7] = 1;
    const other = await open({ served: torn });
    expect(await other.fetch(blobRefOf(large, nodeCryptography))).toMatchObject({
      refusal: { code: "blob.digest_mismatch" },
    });
    expect(other.reads).toEqual([0, BLOB_BLOCK_BYTES]);
    expect(await other.storage.list()).toEqual([]);
  });

  it("[DR31] blob.too_large: one of many blocks that does not name them", async () => {
    const { fetch, reads } = await open({ served: large });
    const { digest, bytes } = blobRefOf(large, nodeCryptography);
    expect(await fetch({ digest, bytes })).toMatchObject({ refusal: { code: "blob.too_large" } });
    expect(reads).toEqual([]);
  });

  it("[DR31] goes on after the last whole block on disk, wherever it was cut", async () => {
    const ref = blobRefOf(large, nodeCryptography);
    const name = fileNames.partialBlob(ref.digest);
    const cases = [
      [large.slice(0, 2 * BLOB_BLOCK_BYTES), [2, 3]],
      [large.slice(0, 2 * BLOB_BLOCK_BYTES + 10), [2, 3]],
      [large.slice(0, 10), [0, 1, 2, 3]],
      // A page of the second block is zeros.
      [
        large.slice(0, 2 * BLOB_BLOCK_BYTES).fill(0, BLOB_BLOCK_BYTES, BLOB_BLOCK_BYTES + 64),
        [1, 2, 3],
      ],
    ] as const;
    for (const [kept, blocks] of cases) {
      const storage = createMemoryStorage();
      await storage.write(name, kept);
      const { fetch, reads } = await open({ storage, served: large });
      expect(await fetch(ref)).toEqual({ ok: true, value: large });
      expect(reads.map((from) => from / BLOB_BLOCK_BYTES)).toEqual(blocks);
      expect(await storage.list()).toEqual([fileNames.blob(ref.digest)]);
    }
  });

  it("[DR32] that is damaged on disk counts as missing", async () => {
    const ref = blobRefOf(small, nodeCryptography);
    const storage = createMemoryStorage();
    await storage.write(fileNames.blob(ref.digest), small.slice(1));
    const { fetch } = await open({ storage, retained: small });
    expect(await fetch(ref)).toEqual({ ok: true, value: small });
    expect(
      digestOf(nodeCryptography, (await storage.read(fileNames.blob(ref.digest))) as Uint8Array),
    ).toBe(ref.digest);
  });
});
