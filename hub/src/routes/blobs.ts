// Blobs over HTTP, with ranges. They need no token: what is here (release parts, records, shadow deltas) every device of the
// fleet may have, a device has no HTTP credential, and a name of 256 bits is told only in signed decisions. What devices
// contributed is never a blob.
import { BLOB_BLOCK_BYTES, type Digest, digestSchema } from "@attune/protocol";
import type { BlobFolder } from "../adapters/blobFolder.ts";
import type { Api } from "./api.ts";
import { problem, refusalProblem } from "./problem.ts";

export function blobRoutes(api: Api): void {
  api.app.get("/blobs/:digest", async (context) => {
    const digest = digestSchema.safeParse(context.req.param("digest"));
    const hub = api.hub();
    if (hub === null) {
      return problem(context, { code: "hub.not_running", message: "the hub is not running" }, 503);
    }
    const { blobs, memory } = hub.context;
    // The operator's validation set lies in the same folder and is nobody else's.
    const isPublic =
      digest.success &&
      [...memory.lines.values()].every(({ row }) => row.validationSet?.digest !== digest.data);
    const size = isPublic ? await blobs.size(digest.data) : null;
    if (!digest.success || size === null) {
      const message = `there is no blob ${context.req.param("digest").slice(0, 64)}`;
      return refusalProblem(context, { code: "operator.version_unknown", message });
    }
    const headers = {
      "content-type": "application/octet-stream",
      "accept-ranges": "bytes",
      etag: `"${digest.data}"`,
      "cache-control": "public, max-age=31536000, immutable",
    };
    if (context.req.header("if-none-match") === headers.etag)
      return context.body(null, 304, headers);
    const range = context.req.header("range");
    if (range === undefined) {
      const body = piecesOf(blobs, digest.data, 0, size);
      return context.body(body, 200, { ...headers, "content-length": String(size) });
    }
    const span = parseRange(range, size);
    if (span === null) {
      return context.body(null, 416, { "content-range": `bytes */${size}` });
    }
    return context.body(piecesOf(blobs, digest.data, span.start, span.end), 206, {
      ...headers,
      "content-length": String(span.end - span.start),
      "content-range": `bytes ${span.start}-${span.end - 1}/${size}`,
    });
  });
}

/**
 * Part of a blob, read as fast as it is taken: whoever asks for a large one and reads slowly costs one piece of memory, not all of
 * it. Whoever reads it checks its digest.
 */
function piecesOf(
  blobs: BlobFolder,
  digest: Digest,
  start: number,
  end: number,
): ReadableStream<Uint8Array> {
  let at = start;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = Math.min(end, at + BLOB_BLOCK_BYTES);
        const bytes = next > at ? await blobs.getRange(digest, at, next) : null;
        if (bytes !== null && bytes.length > 0) controller.enqueue(bytes);
        at = next;
        if (at >= end || bytes === null) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

/**
 * One range of bytes; null for what cannot be met.
 *
 * @see RFC 9110, section 14.1.2
 */
function parseRange(
  header: string,
  size: number,
): { readonly start: number; readonly end: number } | null {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header) ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return null;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  return start < end ? { start, end } : null;
}
