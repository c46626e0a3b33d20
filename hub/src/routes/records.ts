// Routes of what was recorded: contributions, refusals, receipts, decisions, audit.
import { accept, type Decision, decisionMessage, decodeMessage, unwrap } from "@attune/protocol";
import { z } from "@hono/zod-openapi";
import type { AuditVerdict } from "../core/audit/auditChain.ts";
import { PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX } from "../limits.ts";
import { type Api, defineRoute, pageFields } from "./api.ts";

const text = z.string().max(128).optional();

export function recordRoutes(api: Api): void {
  let verifying: Promise<AuditVerdict> | null = null;
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/contributions",
      summary: "Committed contributions without their bytes, newest first",
      role: "viewer",
      query: z.object({ device: text, line: text, ...pageFields }),
    },
    async ({ hub, query }) => {
      const { device = null, line = null } = query;
      return accept(await hub.context.store.contributions({ device, line }, query));
    },
  );
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/refusals",
      summary: "How often each device was refused, by code",
      role: "viewer",
      query: z.object({ device: text }),
    },
    ({ hub, query }) =>
      accept({
        counts: [...hub.context.memory.refusalCounts.values()].filter(
          ({ device }) => query.device === undefined || device === query.device,
        ),
      }),
  );
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/receipts",
      summary: "What devices said of decisions, newest first",
      role: "viewer",
      query: z.object({ device: text, version: text, ...pageFields }),
    },
    async ({ hub, query }) => {
      const { device = null, version = null } = query;
      return accept(await hub.context.store.receipts({ device, version }, query));
    },
  );
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/decisions",
      summary: "Signed decisions, newest first",
      role: "viewer",
      query: z.object({ line: text, cohort: text, ...pageFields }),
    },
    async ({ hub, query }) => {
      const { line = null, cohort = null } = query;
      const page = await hub.context.store.decisions({ line, cohort }, query);
      const items = page.items.map((row) => ({
        ...row,
        decision: decisionOf(row.frame),
        frame: Buffer.from(row.frame).toString("base64"),
      }));
      return accept({ items, nextCursor: page.nextCursor });
    },
  );
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/audit",
      summary: "The audit, oldest first",
      role: "viewer",
      query: z.object({
        after: z.coerce.number().int().min(0).default(0),
        limit: z.coerce.number().int().min(1).max(PAGE_ROWS_MAX).default(PAGE_ROWS_DEFAULT),
      }),
    },
    async ({ hub, query }) => {
      const items = await hub.context.store.audit(query.after, query.limit);
      const isMore = (items.at(-1)?.sequence ?? 0) < hub.context.memory.auditLength;
      const nextCursor = items.length > 0 && isMore ? String(items.at(-1)?.sequence) : null;
      return accept({ items, nextCursor });
    },
  );
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/audit/verify",
      summary: "Checks the audit's hash chain from its first row",
      role: "viewer",
    },
    async ({ hub }) => {
      // It reads the whole table, where commits wait: whoever asks meanwhile gets the answer that is on its way.
      verifying ??= hub.context.store.verifyAudit().finally(() => {
        verifying = null;
      });
      return accept(await verifying);
    },
  );
}

function decisionOf(frame: Uint8Array): Decision {
  return unwrap(decodeMessage(decisionMessage, frame)).value;
}
