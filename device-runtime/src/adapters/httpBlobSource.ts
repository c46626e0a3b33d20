// Blobs by HTTP range requests, with `fetch` as every platform has it. It must not check or keep what it reads.
import { Fault } from "@attune/protocol";
import type { BlobSource } from "../ports/blobSource.ts";

/**
 * Creates a source of blobs by HTTP.
 *
 * A server that knows no ranges answers 200 with everything: then the range is cut out of it, and no more than its end is read.
 *
 * @param fetchImplementation the platform's own when left out
 */
export function createHttpBlobSource(
  fetchImplementation: typeof globalThis.fetch = globalThis.fetch,
): BlobSource {
  return {
    async read(url, from, length, signal) {
      const fail = (code: string, message: string, cause?: unknown): Fault =>
        new Fault(`${message} (${url})`, {
          code,
          hint: "the device tries again by itself; check that the hub's blob address can be reached from here",
          isRetryable: true,
          ...(cause === undefined ? {} : { cause }),
        });
      let response: Response;
      try {
        response = await fetchImplementation(url, {
          headers: { range: `bytes=${from}-${from + length - 1}` },
          redirect: "error",
          signal,
        });
      } catch (cause) {
        throw fail("blob.unreachable", "the blob's server cannot be reached", cause);
      }
      if (response.status === 404 || response.status === 410) {
        await response.body?.cancel();
        throw fail("blob.not_found", "the server does not have the blob");
      }
      if (response.status !== 206 && response.status !== 200) {
        await response.body?.cancel();
        throw fail("blob.unreachable", `the server answered ${response.status}`);
      }
      const skip = response.status === 200 ? from : 0;
      let bytes: Uint8Array | null;
      try {
        bytes = await readPart(response, skip, length);
      } catch (cause) {
        throw fail("blob.unreachable", "the transfer broke off", cause);
      }
      if (bytes === null) {
        throw fail("blob.range_wrong", `the server sent fewer bytes than the ${length} asked for`);
      }
      return bytes;
    },
  };
}

/** Reads `length` bytes after `skip`, and not a byte more than it has to. */
async function readPart(
  response: Response,
  skip: number,
  length: number,
): Promise<Uint8Array | null> {
  const reader = response.body?.getReader();
  if (reader === undefined) return null;
  const bytes = new Uint8Array(length);
  let at = -skip;
  try {
    while (at < length) {
      const { done, value } = await reader.read();
      if (done) return null;
      const from = Math.max(0, -at);
      const piece = value.subarray(from, Math.max(from, Math.min(value.length, length - at)));
      bytes.set(piece, Math.max(0, at));
      at += value.length;
    }
  } finally {
    await reader.cancel();
  }
  return bytes;
}
