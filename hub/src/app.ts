// The hub's HTTP application: puts the resources together. It listens nowhere; see server.ts.
import { OpenAPIHono } from "@hono/zod-openapi";
import { ownVersion } from "./ownVersion.ts";
import { accessRoutes, identifyCaller } from "./routes/access.ts";
import type { ApiEnv } from "./routes/api.ts";
import { type Api, faultProblem } from "./routes/api.ts";
import { blobRoutes } from "./routes/blobs.ts";
import { deviceRoutes } from "./routes/devices.ts";
import { driftRoutes } from "./routes/drift.ts";
import { lineRoutes } from "./routes/lines.ts";
import { type LiveEvents, liveRoutes } from "./routes/live.ts";
import { refusalProblem } from "./routes/problem.ts";
import { recordRoutes } from "./routes/records.ts";
import { signingRoutes } from "./routes/signing.ts";
import { trustRoutes } from "./routes/trust.ts";
import { versionRoutes } from "./routes/versions.ts";
import type { RunningHub } from "./shell/runningHub.ts";

/** What the application is made of. */
export interface AppParts extends LiveEvents {
  readonly hub: () => RunningHub | null;
  readonly isLoopbackOnly: boolean;
  /** Where people reach it besides, through a proxy. */
  readonly publicUrl: URL | null;
  /** Faults of handlers, which the caller sees as 500. */
  readonly onFault: (error: unknown) => void;
}

/** The page is this hub's own and nothing else may run in it or frame it. */
export const pageHeaders: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

/** Creates the application. */
export function createApp(parts: AppParts): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  const api: Api = { app, hub: parts.hub };
  app.use(async (context, next) => {
    await next();
    for (const [name, value] of Object.entries(pageHeaders)) context.header(name, value);
  });
  app.use(identifyCaller(api, parts.isLoopbackOnly, parts.publicUrl));
  accessRoutes(api, parts.publicUrl);
  liveRoutes(api, parts);
  trustRoutes(api);
  signingRoutes(api);
  deviceRoutes(api);
  driftRoutes(api);
  lineRoutes(api);
  versionRoutes(api);
  recordRoutes(api);
  blobRoutes(api);
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
  });
  app.doc31("/api/openapi.json", {
    openapi: "3.1.0",
    info: { title: "Attune hub", version: ownVersion() },
  });
  app.all("/api/*", (context) =>
    refusalProblem(context, {
      code: "operator.version_unknown",
      message: `there is nothing at ${context.req.path.slice(0, 200)}; see /api/openapi.json`,
    }),
  );
  app.onError((error, context) => {
    parts.onFault(error);
    return faultProblem(context, error);
  });
  return app;
}
