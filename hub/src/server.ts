// Serves the application and the page's files on a port. Sole owner of @hono/node-server. It must not know any route.
import { existsSync } from "node:fs";
import type { Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { join } from "node:path";
import { Fault } from "@attune/protocol";
import { serve } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { HTTP_CONNECTIONS_MAX } from "./limits.ts";
import type { ApiEnv } from "./routes/api.ts";

/** Adds the page's files to an application: everything that is no route. */
export function servePage(app: OpenAPIHono<ApiEnv>, pageFolder: string | null): void {
  const page =
    pageFolder !== null && existsSync(join(pageFolder, "index.html")) ? pageFolder : null;
  if (page === null) {
    app.get("/", (context) =>
      context.text(
        "This hub has no page: build it with npm run build, or use the API under /api.\n",
      ),
    );
    return;
  }
  app.get("/*", serveStatic({ root: page }));
  // A deep link is a place within the page.
  app.get("/*", serveStatic({ root: page, path: "index.html" }));
}

/** A server that listens. */
export interface HttpServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens. @throws Fault `http.address_unavailable` */
export function listenHttp(
  app: OpenAPIHono<ApiEnv>,
  host: string,
  port: number,
  tls: { readonly cert: string; readonly key: string } | undefined,
): Promise<HttpServer> {
  return new Promise((resolve, reject) => {
    const secured =
      tls === undefined ? {} : { createServer: createHttpsServer, serverOptions: { ...tls } };
    const server = serve({ fetch: app.fetch, hostname: host, port, ...secured }, (address) => {
      resolve({
        port: address.port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            // Event streams never end by themselves.
            (server as Server).closeAllConnections();
          }),
      });
    });
    (server as Server).maxConnections = HTTP_CONNECTIONS_MAX;
    server.once("error", (error: Error) => {
      reject(
        new Fault(`cannot listen on ${host}:${port}`, {
          code: "http.address_unavailable",
          hint: "another program has this port: stop it, or choose another port (0 for any free one)",
          cause: error,
        }),
      );
    });
  });
}
