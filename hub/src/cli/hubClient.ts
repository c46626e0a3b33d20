// One HTTP request to a hub and what may come of it. Holds no route and no policy.
import { CommandError, type ExitCode, exitCodes } from "./exitCodes.ts";

/** The hub's JSON API for one token. Every failure is a `CommandError` with the hub's own code, message and hint. */
export interface HubClient {
  readonly url: string;
  /** JSON of a route; `body` is sent as JSON. */
  json<T>(method: Method, path: string, body?: unknown): Promise<T>;
  /** Sends bytes as they are. */
  upload<T>(method: Method, path: string, bytes: Uint8Array): Promise<T>;
  /** Fetches bytes, at most `bytesMax` of them. */
  bytes(path: string, bytesMax: number): Promise<Uint8Array>;
  /** Every item of a paged list, at most `itemsMax`. */
  list<T>(path: string, itemsMax: number): Promise<readonly T[]>;
  /** The body of an answer that does not end, as an event stream. */
  stream(
    path: string,
    lastEventId: string | null,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>;
}

export type Method = "GET" | "POST" | "PUT" | "DELETE";

interface Problem {
  readonly code?: unknown;
  readonly title?: unknown;
  readonly detail?: unknown;
  readonly hint?: unknown;
}

/** How long a hub on the same network may take to begin an answer; a model upload is stored before it is answered. */
const ANSWER_MS_MAX = 30_000;
/** The largest page that the hub gives. */
const PAGE_ITEMS = 500;

/** Makes a client. Touches nothing until it is asked. */
export function createHubClient(url: string, token: string | null): HubClient {
  const base = url.replace(/\/+$/, "");
  const request = async (
    method: Method,
    path: string,
    init: {
      body?: string | Uint8Array<ArrayBuffer>;
      type?: string;
      lastEventId?: string | null;
      signal?: AbortSignal;
    } = {},
  ): Promise<Response> => {
    let answer: Response;
    try {
      answer = await fetch(`${base}${path}`, {
        method,
        headers: {
          accept: "application/json, application/problem+json, application/octet-stream;q=0.9",
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(typeof init.lastEventId === "string" ? { "last-event-id": init.lastEventId } : {}),
          ...(init.type === undefined ? {} : { "content-type": init.type }),
        },
        ...(init.body === undefined ? {} : { body: init.body }),
        signal: init.signal ?? AbortSignal.timeout(ANSWER_MS_MAX),
      });
    } catch (error) {
      throw new CommandError(
        exitCodes.unreachable,
        "hub.unreachable",
        `no hub answers at ${base} (${reasonOf(error)})`,
        "start one with: attune hub start; or name another with --hub URL or ATTUNE_HUB",
      );
    }
    if (answer.ok) return answer;
    throw await problemOf(answer, base, token !== null);
  };
  const json = async <T>(method: Method, path: string, body?: unknown): Promise<T> => {
    const answer = await request(
      method,
      path,
      body === undefined ? {} : { body: JSON.stringify(body), type: "application/json" },
    );
    const text = await answer.text();
    return (text === "" ? undefined : JSON.parse(text)) as T;
  };
  return {
    url: base,
    json,
    upload: async (method, path, bytes) => {
      const answer = await request(method, path, {
        body: new Uint8Array(bytes),
        type: "application/octet-stream",
      });
      return JSON.parse(await answer.text());
    },
    bytes: async (path, bytesMax) => {
      const answer = await request("GET", path);
      return readAtMost(answer, bytesMax, path);
    },
    list: async <T>(path: string, itemsMax: number) => {
      const items: T[] = [];
      let cursor: string | null = null;
      do {
        const separator = path.includes("?") ? "&" : "?";
        const limit = Math.min(PAGE_ITEMS, itemsMax - items.length);
        const from: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
        const page: { items: T[]; nextCursor?: string | null } = await json(
          "GET",
          `${path}${separator}limit=${limit}${from}`,
        );
        items.push(...page.items);
        cursor = page.items.length === 0 ? null : (page.nextCursor ?? null);
      } while (cursor !== null && items.length < itemsMax);
      return items.slice(0, itemsMax);
    },
    stream: async (path, lastEventId, signal) => {
      const answer = await request("GET", path, { lastEventId, signal });
      return answer.body ?? new ReadableStream<Uint8Array>();
    },
  };
}

async function readAtMost(answer: Response, bytesMax: number, path: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body ?? []) {
    length += chunk.length;
    if (length > bytesMax) {
      throw new CommandError(
        exitCodes.refused,
        "blob.too_large",
        `${path} has more than ${bytesMax} bytes`,
        "the hub sends more than the record names: look at the hub",
      );
    }
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

async function problemOf(answer: Response, base: string, hasToken: boolean): Promise<CommandError> {
  let problem: Problem = {};
  try {
    problem = JSON.parse(await answer.text()) as Problem;
  } catch {
    // Not this project's answer: a proxy, or another server on the port. The status says what is known.
  }
  const text = (value: unknown, otherwise: string): string =>
    typeof value === "string" && value !== "" ? value : otherwise;
  const isUnauthorized = answer.status === 401 || answer.status === 403;
  const exitCode: ExitCode = isUnauthorized
    ? exitCodes.unauthorized
    : answer.status >= 500
      ? exitCodes.failed
      : exitCodes.refused;
  return new CommandError(
    exitCode,
    text(problem.code, isUnauthorized ? "operator.unauthorized" : `http.${answer.status}`),
    text(
      problem.detail,
      text(problem.title, `${base} answered with status ${answer.status} and no explanation`),
    ),
    text(
      problem.hint,
      isUnauthorized
        ? hasToken
          ? "the token is not known there, or its role may not do this"
          : "give a token with --token, ATTUNE_TOKEN, or run this in the folder that holds attune-data"
        : answer.status >= 500
          ? "look at the hub's own output"
          : "",
    ),
  );
}

/** The innermost reason of a failed fetch: `ECONNREFUSED` says more than "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0]);
  if (cause instanceof Error) return reasonOf(cause);
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : error.message;
}
