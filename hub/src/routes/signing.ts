// Routes of signing requests: what release keys are asked to sign, and their answers.
import { accept, keyIdSchema, type Outcome, refuse } from "@attune/protocol";
import { z } from "@hono/zod-openapi";
import type { SigningRequestRow } from "../ports/store.ts";
import type { RunningHub } from "../shell/runningHub.ts";
import { addSignature, noteWaiting, recordOf, refuseSigning } from "../shell/signingActs.ts";
import { currentTrustRoot } from "../shell/trustKeeper.ts";
import type { SigningRequest } from "../state.ts";
import { type Api, defineRoute, pageFields } from "./api.ts";
import { idField } from "./idField.ts";

/** An id, or the beginning of the version that a request is about. */
const idParams = z.object({ id: z.string().min(1).max(128) });

export function signingRoutes(api: Api): void {
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/signing-requests",
      summary: "Signing requests, newest first",
      role: "viewer",
      query: z.object({
        state: z.enum(["open", "signed", "refused", "expired"]).optional(),
        ...pageFields,
      }),
    },
    async ({ hub, query }) => {
      const page = await hub.context.store.signingRequests({ state: query.state ?? null }, query);
      const items = await Promise.all(page.items.map((row) => documentOf(hub, row)));
      return accept({ items, nextCursor: page.nextCursor });
    },
  );
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/signing-requests/{id}",
      summary: "One signing request, by its id or the beginning of its version",
      role: "viewer",
      params: idParams,
    },
    async ({ hub, params }) => {
      const row = await find(hub, params.id);
      return row.ok ? accept(await documentOf(hub, row.value)) : row;
    },
  );
  defineRoute(
    api,
    {
      method: "post",
      path: "/api/signing-requests/{id}/signatures",
      summary: "Adds a release key's signature",
      role: "signer",
      params: idParams,
      body: z.object({
        keyId: idField(keyIdSchema),
        signature: z.string().regex(/^[0-9a-f]{128}$/),
      }),
    },
    async ({ hub, params, body, actor }) => {
      const row = await find(hub, params.id);
      if (!row.ok) return row;
      const signature = new Uint8Array(Buffer.from(body.signature, "hex"));
      const signed = await addSignature(hub, row.value.id, body.keyId, signature, actor);
      return signed.ok ? accept(await documentOf(hub, signed.value)) : signed;
    },
  );
  defineRoute(
    api,
    {
      method: "post",
      path: "/api/signing-requests/{id}/refusal",
      summary: "A signer's no: the challenger is rejected",
      role: "signer",
      params: idParams,
      body: z.object({
        code: z.string().min(1).max(64),
        message: z.string().min(1).max(500),
      }),
    },
    async ({ hub, params, body, actor }) => {
      const row = await find(hub, params.id);
      if (!row.ok) return row;
      const refused = await refuseSigning(hub, row.value.id, body.code, body.message, actor);
      if (!refused.ok) return refused;
      const after = await find(hub, row.value.id);
      return after.ok ? accept(await documentOf(hub, after.value)) : after;
    },
  );
  defineRoute(
    api,
    {
      method: "post",
      path: "/api/signing-requests/{id}/waiting",
      summary: "A signer's word on what the request waits for",
      role: "signer",
      params: idParams,
      body: z.object({
        code: z.string().max(64),
        message: z.string().min(1).max(500),
      }),
    },
    async ({ hub, params, body, actor }) => {
      const row = await find(hub, params.id);
      if (!row.ok) return row;
      const noted = await noteWaiting(hub, row.value.id, body.code, body.message, actor);
      return noted.ok ? accept(await documentOf(hub, noted.value)) : noted;
    },
  );
}

async function find(hub: RunningHub, id: string): Promise<Outcome<SigningRequestRow>> {
  const { store, memory } = hub.context;
  const row = await store.signingRequest(id);
  if (row !== null) return accept(row);
  const open = [...memory.signingRequests.values()].find(
    ({ version }) => id.length >= 4 && version.startsWith(id),
  );
  return open === undefined
    ? refuse("operator.version_unknown", `there is no signing request ${id}`)
    : accept(open);
}

async function documentOf(hub: RunningHub, row: SigningRequestRow): Promise<SigningRequest> {
  const { memory, store, blobs } = hub.context;
  const record = recordOf(row);
  const version = memory.versions.get(row.version);
  const champion = record.lineage.base ?? memory.lines.get(row.line)?.row.state.champion ?? null;
  const championRecord = champion === null ? null : (memory.versions.get(champion)?.record ?? null);
  const frame = championRecord === null ? null : await blobs.get(championRecord.digest);
  const contributions =
    version === undefined || version.window === null
      ? []
      : await store.windowContributions(row.line, version.window, null, 4096);
  return {
    id: row.id,
    line: row.line,
    version: row.version,
    state: row.state,
    payload: Buffer.from(row.payload).toString("base64"),
    record,
    gate: row.gate,
    lineage: record.lineage,
    contributions: contributions.map(({ digest }) => digest),
    championRecord: frame === null ? null : Buffer.from(frame).toString("base64"),
    normToChampion: row.normToChampion,
    signatures: row.signatures.map(({ keyId }) => ({ keyId })),
    threshold: currentTrustRoot(memory)?.root.releaseThreshold ?? 1,
    refusal: row.refusal,
    waiting: row.waiting ?? null,
    createdAtMs: row.createdAtMs,
    deadlineAtMs: row.deadlineAtMs,
  };
}
