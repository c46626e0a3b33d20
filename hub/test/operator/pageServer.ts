// Serves the built page with a made-up fleet behind it, under a stricter policy than any hub's; only tests of the page use it.

import { existsSync, readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { pageHeaders } from "../../src/app.ts";
import type { AuditRow } from "../../src/core/audit/auditChain.ts";
import type { HubState } from "../../src/state.ts";
import {
  auditRows,
  type FleetStateOptions,
  fleetDevices,
  fleetState,
  versionDetail,
} from "./fleetState.ts";

export const pageFolder: string = join(import.meta.dirname, "../../web/dist");

/** A page with a fleet that a test can change. */
export interface PageServer {
  readonly url: string;
  readonly token: string;
  /** Tells every open page. */
  push(state: HubState): void;
  pushAudit(row: AuditRow): void;
  /** Ends every open stream, and answers no request until `goOn`. */
  goAway(): void;
  goOn(): void;
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

/** Whether the page was built (`npm ci` builds it). */
export const isPageBuilt = (): boolean => existsSync(join(pageFolder, "index.html"));

/** Starts it on any free port. */
export async function startPageServer(options: FleetStateOptions): Promise<PageServer> {
  const token = "a-token-that-may-read";
  const streams = new Set<ServerResponse>();
  let state = fleetState(options);
  let rows: readonly AuditRow[] = options.scene === "empty" ? auditRows.slice(0, 1) : auditRows;
  let isAway = false;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://page");
    for (const [name, value] of Object.entries(pageHeaders)) response.setHeader(name, value);
    if (isAway) {
      response.destroy();
      return;
    }
    const json = (status: number, body: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    const isAllowed = (request.headers.cookie ?? "").includes(`attune_session=${token}`);
    if (url.pathname === "/api/session") {
      let body = "";
      request.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on("end", () => {
        if ((JSON.parse(body) as { token: string }).token !== token) {
          json(401, {
            code: "operator.unauthorized",
            detail: "this is no access token of this hub",
          });
          return;
        }
        response.setHeader(
          "set-cookie",
          `attune_session=${token}; HttpOnly; SameSite=Strict; Path=/`,
        );
        response.writeHead(204).end();
      });
      return;
    }
    if (url.pathname.startsWith("/api/") && !isAllowed) {
      json(401, { code: "operator.unauthorized", detail: "this needs a token" });
      return;
    }
    if (url.pathname === "/api/events") {
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      response.write(`event: state\ndata: ${JSON.stringify(state)}\n\n`);
      streams.add(response);
      response.on("close", () => streams.delete(response));
      return;
    }
    if (url.pathname === "/api/audit") {
      const after = Number(url.searchParams.get("after"));
      const items = rows
        .filter(({ sequence }) => sequence > after)
        .slice(0, Number(url.searchParams.get("limit")));
      json(200, { items, nextCursor: null });
      return;
    }
    if (url.pathname === "/api/devices") {
      const all = fleetDevices(options);
      const from = Number(url.searchParams.get("cursor") ?? 0);
      const next = from + Number(url.searchParams.get("limit"));
      json(200, {
        items: all.slice(from, next),
        nextCursor: next < all.length ? String(next) : null,
      });
      return;
    }
    if (url.pathname === "/api/rollbacks/preview") {
      const effects = ["activity goes back", `3 devices change to ${url.searchParams.get("to")}`];
      json(200, { cohort: url.searchParams.get("cohort"), effects });
      return;
    }
    const [, kind, id] = /^\/api\/(versions|devices)\/([^/]+)$/.exec(url.pathname) ?? [];
    if (kind !== undefined && id !== undefined) {
      const found =
        kind === "versions"
          ? versionDetail(id)
          : (fleetDevices(options).find(({ device }) => device === id) ?? null);
      json(found === null ? 404 : 200, found ?? { detail: `there is no ${id}` });
      return;
    }
    const file = join(pageFolder, url.pathname === "/" ? "index.html" : url.pathname);
    if (!file.startsWith(pageFolder) || !existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      "content-type": types[extname(file)] ?? "application/octet-stream",
    });
    response.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const tell = (text: string): void => {
    for (const stream of streams) stream.write(text);
  };
  return {
    url: `http://127.0.0.1:${port}/`,
    token,
    push: (next) => {
      state = next;
      tell(`event: state\ndata: ${JSON.stringify(next)}\n\n`);
    },
    pushAudit: (row) => {
      rows = [...rows, row];
      tell(`id: ${row.sequence}\nevent: audit\ndata: ${JSON.stringify(row)}\n\n`);
    },
    goAway: () => {
      isAway = true;
      for (const stream of streams) stream.destroy();
    },
    goOn: () => {
      isAway = false;
    },
    close: () =>
      new Promise((resolve) => {
        for (const stream of streams) stream.destroy();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
