// Who calls: bearer tokens, the page's cookie, and which requests a browser may send. Also the routes of tokens and sessions.
import { accept } from "@attune/protocol";
import { z } from "@hono/zod-openapi";
import type { Context, MiddlewareHandler } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { createAccessToken, revokeAccessToken } from "../shell/accessActs.ts";
import { secretHash } from "../shell/enrolment.ts";
import { type Api, type ApiEnv, type Caller, defineRoute, noContent, readBounded } from "./api.ts";
import { problem, refusalProblem } from "./problem.ts";

const COOKIE = "attune_session";
const loopbackNames = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Whether a host name is this machine and no other. */
export function isLoopbackName(host: string): boolean {
  return loopbackNames.has(host) || /^127(\.\d{1,3}){3}$/.test(host) || host === "::1";
}

/**
 * Finds out who calls, before any route.
 *
 * - On loopback the `Host` must be loopback as well: a name that an attacker's page has rebound to 127.0.0.1 is refused.
 * - A proxy in front passes its own `Host` on: the public address's is taken as well.
 * - A write that comes with the cookie must come from the hub's own page (`Origin`); the cookie is `SameSite=Strict` besides.
 */
export function identifyCaller(
  api: Api,
  isLoopbackOnly: boolean,
  publicUrl: URL | null,
): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    const url = new URL(context.req.url);
    const isPublic = publicUrl !== null && url.hostname === publicUrl.hostname;
    if (isLoopbackOnly && !isPublic && !isLoopbackName(url.hostname)) {
      const message = `host ${url.hostname} is not loopback, and this hub listens on loopback only`;
      return problem(context, { code: "operator.unauthorized", message }, 403);
    }
    const caller = callerOf(api, context);
    const isWrite = context.req.method !== "GET" && context.req.method !== "HEAD";
    if (isWrite && caller?.isCookie === true && !isOwnOrigin(context, [url, publicUrl])) {
      const message = "a write with the page's cookie must come from the page itself";
      return problem(context, { code: "operator.unauthorized", message }, 403);
    }
    context.set("caller", caller);
    await next();
    return undefined;
  };
}

function isOwnOrigin(context: Context, own: readonly (URL | null)[]): boolean {
  const origin = context.req.header("origin");
  if (origin === undefined || !URL.canParse(origin)) return false;
  const { host } = new URL(origin);
  return own.some((url) => url?.host === host);
}

function callerOf(api: Api, context: Context): Caller | null {
  const header = context.req.header("authorization");
  if (header !== undefined) {
    const [, token] = /^Bearer (\S{1,256})$/i.exec(header) ?? [];
    return token === undefined ? null : callerWith(api, token, false);
  }
  const cookie = getCookie(context, COOKIE);
  return cookie === undefined ? null : callerWith(api, cookie, true);
}

/** Tokens are found by their digest, so how long a search takes tells nothing about a token. */
function callerWith(api: Api, token: string, isCookie: boolean): Caller | null {
  const hub = api.hub();
  if (hub === null) return null;
  const hash = secretHash(hub.context, token);
  for (const row of hub.context.memory.accessTokens.values()) {
    if (row.hash === hash) return { role: row.role, actor: `${row.role}:${row.id}`, isCookie };
  }
  return null;
}

/** A token of at most 256 characters, each escaped at worst, and the braces around it. */
const SESSION_BODY_BYTES_MAX = 2048;

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

/** Routes of access tokens and of the page's session. */
export function accessRoutes(api: Api, publicUrl: URL | null): void {
  api.app.post("/api/session", async (context) => {
    // Anybody may send this: it is read up to the size of a token and no further.
    const bytes = await readBounded(context.req.raw.body, SESSION_BODY_BYTES_MAX);
    const body = z
      .object({ token: z.string().min(1).max(256) })
      .safeParse(bytes === null ? null : parseJson(bytes));
    const caller = body.success ? callerWith(api, body.data.token, true) : null;
    if (!body.success || caller === null) {
      const message = "this is no access token of this hub";
      return refusalProblem(context, { code: "operator.unauthorized", message });
    }
    setCookie(context, COOKIE, body.data.token, {
      httpOnly: true,
      sameSite: "Strict",
      path: "/",
      secure: publicUrl?.protocol === "https:" || new URL(context.req.url).protocol === "https:",
    });
    return context.body(null, 204);
  });
  api.app.delete("/api/session", (context) => {
    deleteCookie(context, COOKIE, { path: "/" });
    return context.body(null, 204);
  });
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/access-tokens",
      summary: "Access tokens, without the tokens themselves",
      role: "admin",
    },
    ({ hub }) =>
      accept({
        items: [...hub.context.memory.accessTokens.values()].map(({ hash: _hash, ...row }) => row),
        nextCursor: null,
      }),
  );
  defineRoute(
    api,
    {
      method: "post",
      path: "/api/access-tokens",
      summary: "Makes an access token; it is shown this once",
      role: "admin",
      body: z.object({
        role: z.enum(["admin", "signer", "viewer"]),
        note: z.string().max(500).default(""),
      }),
      status: 201,
    },
    ({ hub, body, actor }) => createAccessToken(hub.context, body.role, body.note, actor),
  );
  defineRoute(
    api,
    {
      method: "delete",
      path: "/api/access-tokens/{id}",
      summary: "Revokes an access token",
      role: "admin",
      params: z.object({ id: z.string().max(64) }),
    },
    async ({ hub, params, actor }) => {
      const revoked = await revokeAccessToken(hub.context, params.id, actor);
      return revoked.ok ? accept(noContent) : revoked;
    },
  );
}
