// How a resource's routes are declared: who may call them, what they take, and that acts run one at a time.
// It must not know any resource.
import { accept, Fault, type Outcome, refuse } from "@attune/protocol";
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { JSON_BODY_BYTES_MAX, PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX } from "../limits.ts";
import type { AccessTokenRow, Page, PageRequest } from "../ports/store.ts";
import type { RunningHub } from "../shell/runningHub.ts";
import { problem, refusalProblem } from "./problem.ts";

/** Who calls. */
export interface Caller {
  readonly role: AccessTokenRow["role"];
  /** For the audit: `admin:ID`. */
  readonly actor: string;
  /** The token came in the cookie that a browser sends by itself. */
  readonly isCookie: boolean;
}

/** Hono's variables of one request. */
export interface ApiEnv {
  Variables: { caller: Caller | null };
}

/** The API while it is put together. */
export interface Api {
  readonly app: OpenAPIHono<ApiEnv>;
  /** Null while the hub is not running. */
  readonly hub: () => RunningHub | null;
}

/** Who may call a route: everybody with a token, signers and admins, admins. */
export type RouteRole = "viewer" | "signer" | "admin";

/** What a route's handler is given. */
export interface RouteInput<P, Q, B> {
  readonly hub: RunningHub;
  readonly actor: string;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
}

/** A body that is taken as it is, up to its limit. */
export interface BytesBody<B> {
  readonly bytesMax: number;
  /** The type of what a handler is given; there is no such value. */
  readonly given?: B;
}

/** A body of at most so many bytes. */
export function bytesBody(bytesMax: number): BytesBody<Uint8Array> {
  return { bytesMax };
}

/** One route. */
export interface RouteSpec<P, Q, B> {
  readonly method: "get" | "post" | "put" | "delete";
  /** With `{name}` for parameters. */
  readonly path: string;
  readonly summary: string;
  readonly role: RouteRole;
  readonly params?: z.ZodType<P>;
  readonly query?: z.ZodType<Q>;
  /** A schema for JSON, or {@link bytesBody}. */
  readonly body?: z.ZodType<B> | BytesBody<B>;
  readonly status?: ContentfulStatusCode;
}

/** An empty answer. */
export const noContent: unique symbol = Symbol("no content");

const roleRank = { viewer: 0, signer: 1, admin: 2 } as const;

/**
 * Declares a route and its place in the OpenAPI document. Writes run within the hub's acts, one at a time, so what a handler has
 * read is still true when it commits.
 */
export function defineRoute<P = unknown, Q = unknown, B = unknown>(
  api: Api,
  spec: RouteSpec<P, Q, B>,
  handle: (input: RouteInput<P, Q, B>) => Outcome<unknown> | Promise<Outcome<unknown>>,
): void {
  describe(api, spec);
  const path = spec.path.replaceAll(/\{(\w+)\}/g, ":$1");
  api.app.on(spec.method.toUpperCase(), [path], async (context) => {
    const caller = context.get("caller");
    if (caller === null) {
      return refusalProblem(context, {
        code: "operator.unauthorized",
        message:
          "this needs a token: Authorization: Bearer TOKEN (the hub showed one at its first start)",
      });
    }
    if (roleRank[caller.role] < roleRank[spec.role]) {
      const message = `this needs a token of role ${spec.role}, yours is of role ${caller.role}`;
      return problem(context, { code: "operator.unauthorized", message }, 403);
    }
    const hub = api.hub();
    if (hub === null) {
      return problem(context, { code: "hub.not_running", message: "the hub is not running" }, 503);
    }
    const input = await readInput(context, spec);
    if (!input.ok) return refusalProblem(context, input.refusal);
    const work = async (): Promise<Outcome<unknown>> =>
      handle({ ...input.value, hub, actor: caller.actor });
    const outcome = await (spec.method === "get" ? work() : hub.context.acts.run(work));
    if (!outcome.ok) return refusalProblem(context, outcome.refusal);
    if (outcome.value === noContent) return context.body(null, 204);
    return context.json(outcome.value as object, spec.status ?? 200);
  });
}

async function readInput<P, Q, B>(
  context: Context,
  { params, query, body }: RouteSpec<P, Q, B>,
): Promise<Outcome<{ readonly params: P; readonly query: Q; readonly body: B }>> {
  const parsedParams = parse(params, context.req.param(), "path");
  if (!parsedParams.ok) return parsedParams;
  const parsedQuery = parse(query, context.req.query(), "query");
  if (!parsedQuery.ok) return parsedQuery;
  const parsedBody = await readBody(context, body);
  if (!parsedBody.ok) return parsedBody;
  return accept({
    params: parsedParams.value as P,
    query: parsedQuery.value as Q,
    body: parsedBody.value as B,
  });
}

function parse<T>(
  schema: z.ZodType<T> | undefined,
  value: unknown,
  where: string,
): Outcome<T | null> {
  if (schema === undefined) return accept(null);
  const parsed = schema.safeParse(value);
  if (parsed.success) return accept(parsed.data);
  const [issue] = parsed.error.issues;
  const path = issue?.path.join(".") ?? "";
  return refuse(
    "operator.request_invalid",
    `${where}${path === "" ? "" : ` ${path}`}: ${issue?.message ?? "invalid"}`,
  );
}

async function readBody(
  context: Context,
  body: z.ZodType | BytesBody<unknown> | undefined,
): Promise<Outcome<unknown>> {
  if (body === undefined) return accept(null);
  const isBytes = "bytesMax" in body;
  const bytesMax = isBytes ? body.bytesMax : JSON_BODY_BYTES_MAX;
  const bytes = await readBounded(context.req.raw.body, bytesMax);
  if (bytes === null) {
    return refuse("blob.too_large", `the request's body is over ${bytesMax} bytes`);
  }
  if (isBytes) return accept(bytes);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return refuse("operator.request_invalid", "the request's body is not JSON");
  }
  return parse(body, value, "body");
}

/** Reads a body while it is small enough; null when it is not. The header that promises a length is not believed. */
export async function readBounded(
  body: ReadableStream<Uint8Array> | null,
  bytesMax: number,
): Promise<Uint8Array | null> {
  if (body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > bytesMax) return null;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function describe<P, Q, B>(api: Api, spec: RouteSpec<P, Q, B>): void {
  const { method, path, summary, role, params, query, body, status } = spec;
  api.app.openAPIRegistry.registerPath({
    method,
    path,
    summary,
    description: `Needs a token of role ${role}.`,
    security: [{ bearer: [] }],
    request: {
      ...(params === undefined ? {} : { params: params as never }),
      ...(query === undefined ? {} : { query: query as never }),
      ...(body === undefined
        ? {}
        : {
            body: {
              content:
                "bytesMax" in body
                  ? {
                      "application/octet-stream": {
                        schema: z.string().openapi({ format: "binary" }),
                      },
                    }
                  : { "application/json": { schema: body as never } },
            },
          }),
    },
    responses: {
      [status ?? 200]: {
        description: "Done",
        content: { "application/json": { schema: z.unknown() } },
      },
      default: {
        description: "Refused; `code` is stable",
        content: { "application/problem+json": { schema: problemSchema } },
      },
    },
  });
}

const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
});

/** Fields of a list's query: how many, and after which. */
export const pageFields: {
  readonly limit: z.ZodType<number>;
  readonly cursor: z.ZodType<string | null>;
} = {
  limit: z.coerce.number().int().min(1).max(PAGE_ROWS_MAX).default(PAGE_ROWS_DEFAULT),
  cursor: z
    .string()
    .regex(/^\d{1,15}$/)
    .nullable()
    .default(null),
};

/** A page of items that are all in memory. The cursor is the number of items before it. */
export function pageOf<T>(items: readonly T[], { limit, cursor }: PageRequest): Page<T> {
  const start = cursor === null ? 0 : Number(cursor);
  const end = start + limit;
  return {
    items: items.slice(start, end),
    nextCursor: end < items.length ? String(end) : null,
  };
}

/** Text of a person who gives a reason. */
export const reasonBody: z.ZodType<{ readonly reason: string }> = z.object({
  reason: z.string().trim().min(1).max(500),
});

/** What a failed handler becomes. */
export function faultProblem(context: Context, error: unknown): Response {
  const isFault = error instanceof Fault;
  const message = error instanceof Error ? error.message : String(error);
  const code = isFault ? error.code : "hub.failed";
  return problem(context, { code, message: isFault ? `${message}; ${error.hint}` : message }, 500);
}
