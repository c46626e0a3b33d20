// What the address after # points to; every view has one, so that it can be sent to somebody else.

/** A view that lies over the page, or none. */
export type Route =
  | { readonly kind: "none" }
  | { readonly kind: "device"; readonly id: string }
  | { readonly kind: "version"; readonly id: string }
  | { readonly kind: "audit"; readonly id: string };

const kinds = ["device", "version", "audit"] as const;

/**
 * Reads a location's hash; anything unknown is the page itself.
 *
 * @example
 * parseRoute("#device/wrist-03"); // => { kind: "device", id: "wrist-03" }
 */
export function parseRoute(hash: string): Route {
  const [name = "", id = "", ...rest] = hash.replace(/^#/, "").split("/");
  const kind = kinds.find((known) => known === name);
  if (kind === undefined || id === "" || rest.length > 0) return { kind: "none" };
  try {
    return { kind, id: decodeURIComponent(id) };
  } catch {
    return { kind: "none" };
  }
}

/**
 * The address of a view.
 *
 * @example
 * routeHref("device", "wrist-03"); // => "#device/wrist-03"
 */
export function routeHref(kind: Exclude<Route["kind"], "none">, id: string): string {
  return `#${kind}/${encodeURIComponent(id)}`;
}

/** The token in `#token=...`, as `attune hub start` prints the page's address; `null` for any other hash. */
export function tokenInHash(hash: string): string | null {
  return /^#token=([\w.~-]{1,256})$/.exec(hash)?.[1] ?? null;
}
