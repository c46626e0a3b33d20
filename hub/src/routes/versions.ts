// Routes of versions: import, list, look, approve.
import { accept, lineIdSchema, type Outcome, refuse } from "@attune/protocol";
import { z } from "@hono/zod-openapi";
import { UPLOAD_BYTES_MAX } from "../limits.ts";
import type { VersionRow } from "../ports/store.ts";
import { importModel } from "../shell/modelActs.ts";
import { decideChallenger } from "../shell/rolloutActs.ts";
import type { RunningHub } from "../shell/runningHub.ts";
import { type Api, bytesBody, defineRoute, pageFields, pageOf } from "./api.ts";
import { idField } from "./idField.ts";

const versionParams = z.object({ version: z.string().min(4).max(128) });

export function versionRoutes(api: Api): void {
  defineRoute(
    api,
    {
      method: "post",
      path: "/api/models",
      summary: "Imports a model package; it passes the same gate as every candidate",
      role: "admin",
      query: z.object({
        line: idField(lineIdSchema).optional(),
        note: z.string().max(500).default(""),
        securityEpoch: z.coerce.number().int().min(0).optional(),
      }),
      body: bytesBody(UPLOAD_BYTES_MAX),
      status: 202,
    },
    async ({ hub, query, body, actor }) => {
      const imported = await importModel(
        hub,
        body,
        { line: query.line ?? null, note: query.note, securityEpoch: query.securityEpoch ?? null },
        actor,
      );
      return imported.ok ? accept(hub.documents.version(imported.value)) : imported;
    },
  );
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/versions",
      summary: "Versions, newest first",
      role: "viewer",
      query: z.object({ line: z.string().max(64).optional(), ...pageFields }),
    },
    ({ hub, query }) => {
      const chosen = [...hub.context.memory.versions.values()]
        .filter((row) => query.line === undefined || row.line === query.line)
        .reverse();
      const page = pageOf(chosen, query);
      const items = page.items.map((row) => hub.documents.version(row));
      return accept({ items, nextCursor: page.nextCursor });
    },
  );
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/versions/{version}",
      summary: "One version with lineage, parts, gate report and signed record",
      role: "viewer",
      params: versionParams,
    },
    async ({ hub, params }) => {
      const found = findVersion(hub, params.version);
      if (!found.ok) return found;
      const { lineage, parts, gate, record } = found.value;
      const frame = record === null ? null : await hub.context.blobs.get(record.digest);
      return accept({
        ...hub.documents.version(found.value),
        lineage,
        parts,
        gate,
        record: frame === null ? null : Buffer.from(frame).toString("base64"),
      });
    },
  );
  defineRoute(
    api,
    {
      method: "post",
      path: "/api/versions/{version}/approval",
      summary: "A person's word on a challenger that waits for it",
      role: "admin",
      params: versionParams,
      body: z.object({
        verdict: z.enum(["promote", "reject"]),
        reason: z.string().trim().min(1).max(500),
      }),
    },
    async ({ hub, params, body, actor }) => {
      const found = findVersion(hub, params.version);
      if (!found.ok) return found;
      const decided = await decideChallenger(
        hub,
        found.value.version,
        body.verdict,
        body.reason,
        actor,
      );
      return decided.ok ? accept(hub.documents.version(decided.value)) : decided;
    },
  );
}

/** A version by its digest, by at least four of its first digits, or as people write it: `activity@7c1f`. */
export function findVersion(hub: RunningHub, text: string): Outcome<VersionRow> {
  const [, line, digits] = /^(?:([a-z0-9-]+)@)?([0-9a-f]{4,64})$/.exec(text) ?? [];
  if (digits === undefined) {
    return refuse(
      "operator.request_invalid",
      `${text} is not a version; write it like activity@7c1f`,
    );
  }
  const found = [...hub.context.memory.versions.values()].filter(
    (row) => row.version.startsWith(digits) && (line === undefined || row.line === line),
  );
  const [only] = found;
  if (only === undefined) return refuse("operator.version_unknown", `there is no version ${text}`);
  if (found.length > 1) {
    return refuse(
      "operator.request_invalid",
      `${text} fits ${found.length} versions; write more digits`,
    );
  }
  return accept(only);
}
