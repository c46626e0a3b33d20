// What changes by itself: health, the state document, and its stream of server-sent events.
import { accept } from "@attune/protocol";
import { z } from "@hono/zod-openapi";
import { streamSSE } from "hono/streaming";
import type { AuditRow } from "../core/audit/auditChain.ts";
import { EVENT_BACKLOG_MAX, EVENT_LISTENERS_MAX, PAGE_ROWS_MAX } from "../limits.ts";
import type { HubState } from "../state.ts";
import { type Api, defineRoute } from "./api.ts";
import { problem, refusalProblem } from "./problem.ts";

/** Proxies close what is silent for a minute. */
const KEEP_ALIVE_MS = 15_000;

/** Who can be listened to. */
export interface LiveEvents {
  onAudit(listener: (row: AuditRow) => void): () => void;
  onState(listener: (state: HubState) => void): () => void;
}

export function liveRoutes(api: Api, events: LiveEvents): void {
  api.app.get("/healthz", async (context) => {
    const hub = api.hub();
    const isBrokerUp = hub?.isBrokerConnected() ?? false;
    const isStoreUp = hub !== null && (await hub.isStoreSound());
    const isUp = isBrokerUp && isStoreUp;
    const broken = [
      ...(hub === null ? ["the hub is not running"] : []),
      ...(hub === null || isStoreUp ? [] : ["the store fails"]),
      ...(hub === null || isBrokerUp ? [] : ["the broker is not connected"]),
    ];
    const hints = [
      ...(hub === null ? ["start it"] : []),
      ...(hub === null || isStoreUp ? [] : ["look at the disk's free space and rights"]),
      ...(hub === null || isBrokerUp ? [] : ["start the broker"]),
    ];
    return context.json(
      {
        ...(isUp
          ? {}
          : { code: "hub.degraded", detail: broken.join(", "), hint: hints.join(", ") }),
        status: isUp ? "ok" : "degraded",
        store: isStoreUp ? "ok" : "failed",
        broker: isBrokerUp ? "ok" : "not connected",
        auditLength: hub?.context.memory.auditLength ?? 0,
      },
      isUp ? 200 : 503,
    );
  });
  defineRoute(
    api,
    { method: "get", path: "/api/state", summary: "The hub and its fleet, now", role: "viewer" },
    ({ hub }) => accept(hub.state()),
  );
  let listenerCount = 0;
  api.app.get("/api/events", (context) => {
    const hub = api.hub();
    if (context.get("caller") === null) {
      const message = "this needs a token";
      return refusalProblem(context, { code: "operator.unauthorized", message });
    }
    if (hub === null || listenerCount >= EVENT_LISTENERS_MAX) {
      const message = hub === null ? "the hub is not running" : "too many listen already";
      return problem(context, { code: "hub.not_running", message }, 503);
    }
    const header = context.req.header("last-event-id") ?? context.req.query("after");
    const after = z.coerce.number().int().min(0).safeParse(header);
    return streamSSE(context, async (stream) => {
      listenerCount += 1;
      let state: HubState | null = hub.state();
      let rows: AuditRow[] = [];
      let wake: () => void = () => undefined;
      const stopAudit = events.onAudit((row) => {
        // A listener that is this slow comes back with its last id and is told from there.
        if (rows.length >= EVENT_BACKLOG_MAX) stream.abort();
        else rows.push(row);
        wake();
      });
      const stopState = events.onState((latest) => {
        state = latest;
        wake();
      });
      stream.onAbort(() => {
        wake();
      });
      try {
        let last = header !== undefined && after.success ? after.data : null;
        while (!stream.aborted) {
          if (last !== null) {
            // What was missed comes from the store, until it meets what is new.
            const missed = await hub.context.store.audit(last, PAGE_ROWS_MAX);
            for (const row of missed) await stream.writeSSE(auditEvent(row));
            last = missed.length < PAGE_ROWS_MAX ? null : (missed.at(-1)?.sequence ?? null);
            rows = rows.filter(({ sequence }) => sequence > (missed.at(-1)?.sequence ?? 0));
            continue;
          }
          const told = rows;
          rows = [];
          for (const row of told) await stream.writeSSE(auditEvent(row));
          if (state !== null) {
            const data = JSON.stringify(state);
            state = null;
            await stream.writeSSE({ event: "state", data });
          }
          if (rows.length > 0 || state !== null) continue;
          const isKeepAlive = await new Promise<boolean>((resolve) => {
            const timer = setTimeout(() => resolve(true), KEEP_ALIVE_MS);
            wake = () => {
              clearTimeout(timer);
              resolve(false);
            };
          });
          wake = () => undefined;
          if (isKeepAlive && !stream.aborted) await stream.write(": keep-alive\n\n");
        }
      } finally {
        listenerCount -= 1;
        stopAudit();
        stopState();
      }
    });
  });
}

function auditEvent(row: AuditRow): { event: string; id: string; data: string } {
  return { event: "audit", id: String(row.sequence), data: JSON.stringify(row) };
}
