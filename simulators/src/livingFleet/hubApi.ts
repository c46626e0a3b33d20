// The hub's HTTP API as its operator uses it. Holds no route and no policy.
import { Fault } from "@attune/protocol";

/** One hub and one token. */
export interface HubApi {
  readonly url: string;
  get<T>(path: string): Promise<T>;
  /** Bytes are sent as they are, anything else as JSON. */
  send<T>(method: "POST" | "PUT" | "DELETE", path: string, body: unknown): Promise<T>;
  /** Every item of a paged list. */
  list<T>(path: string): Promise<readonly T[]>;
}

/** The largest page that the hub gives. */
const PAGE_ITEMS = 500;

/** Makes a client; touches nothing until it is asked. Every failure is a Fault with the hub's own code and words. */
export function createHubApi(url: string, token: string): HubApi {
  const ask = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const isBytes = body instanceof Uint8Array;
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined
          ? {}
          : { "content-type": isBytes ? "application/octet-stream" : "application/json" }),
      },
      ...(body === undefined
        ? {}
        : { body: isBytes ? new Uint8Array(body) : JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.ok) return (text === "" ? null : JSON.parse(text)) as T;
    throw new Fault(`the hub answers ${method} ${path} with ${response.status}: ${text}`, {
      code: "hub.request_refused",
      hint: "look at the hub's audit",
    });
  };
  const get = <T>(path: string): Promise<T> => ask("GET", path);
  return {
    url,
    get,
    send: ask,
    async list<T>(path: string) {
      const items: T[] = [];
      let cursor: string | null = null;
      do {
        const from: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
        const page: { items: T[]; nextCursor: string | null } = await get(
          `${path}?limit=${PAGE_ITEMS}${from}`,
        );
        items.push(...page.items);
        cursor = page.nextCursor;
      } while (cursor !== null);
      return items;
    },
  };
}
