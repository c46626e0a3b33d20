// The page's connection to its hub: the state document and the audit as they change, and what to say while it is away.
// It must not know any element of the page.
import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { parseEvents } from "../../src/cli/parseEvents.ts";
import type { AuditRow } from "../../src/core/audit/auditChain.ts";
import type { DeviceSummary, HubState } from "../../src/state.ts";

/** How the connection is. */
export type Link =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  /** Lost; what is shown is as old as it is. */
  | { readonly kind: "away"; readonly sinceMs: number; readonly nextTryMs: number }
  /** The hub asks for a token. */
  | { readonly kind: "locked"; readonly why: string };

/** What the page needs of the world. */
export interface LivePorts {
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>;
  readonly nowMs: () => number;
  /** Resolves after `ms`, or at once when `signal` aborts. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Uniform in [0, 1): keeps a hundred pages from coming back in the same instant. */
  readonly jitter: () => number;
}

/** A hub, live. */
export interface LiveHub {
  readonly link: ReadonlySignal<Link>;
  readonly state: ReadonlySignal<HubState | null>;
  /** Every device that the page knows, by id. */
  readonly devices: ReadonlySignal<readonly DeviceSummary[]>;
  /** Newest first, at most two thousand. */
  readonly audit: ReadonlySignal<readonly AuditRow[]>;
  /** Runs until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Tries again now instead of later. */
  hurry(): void;
  /** Exchanges a token for this browser's session. */
  unlock(token: string): Promise<void>;
  /** One document of the API; throws an `Error` with the hub's own words. */
  get<T>(path: string): Promise<T>;
  /** Older rows of the audit than those that are here. */
  loadOlder(): Promise<void>;
}

/** Rows that the page keeps: an hour of a busy fleet. */
const AUDIT_ROWS_MAX = 2000;
/** Rows that it asks for at once. */
const AUDIT_PAGE = 200;
/** The hub sends something every 15 s; after twice that and a bit the connection is dead, whatever the browser thinks. */
const SILENCE_MS_MAX = 40_000;
const BACK_OFF_MS = [500, 1000, 2000, 4000, 8000, 15_000] as const;
/** The state document carries the first 500 devices; the others are asked for no more often than this. */
const OTHERS_EVERY_MS = 5000;
const DEVICES_PAGE = 500;

/** Makes a connection that is not open yet. */
export function createLiveHub(ports: LivePorts): LiveHub {
  const link = signal<Link>({ kind: "connecting" });
  const state = signal<HubState | null>(null);
  const audit = signal<readonly AuditRow[]>([]);
  const others = signal<readonly DeviceSummary[]>([]);
  let wake: () => void = () => {};
  let othersAtMs = Number.NEGATIVE_INFINITY;
  let isAskingOthers = false;

  const get = async <T>(path: string): Promise<T> => {
    const answer = await ports.fetch(path, { headers: { accept: "application/json" } });
    if (answer.status === 401) link.value = { kind: "locked", why: await wordsOf(answer) };
    if (!answer.ok) throw new Error(await wordsOf(answer));
    return (await answer.json()) as T;
  };

  const addRows = (rows: readonly AuditRow[]): void => {
    if (rows.length === 0) return;
    const known = new Map(audit.value.map((row) => [row.sequence, row]));
    for (const row of rows) known.set(row.sequence, row);
    audit.value = [...known.values()]
      .sort((a, b) => b.sequence - a.sequence)
      .slice(0, AUDIT_ROWS_MAX);
  };

  const takeState = (next: HubState): void => {
    // Another database behind the same address: its story is not the continuation of this one.
    const hashes = new Map(audit.value.map(({ sequence, hash }) => [sequence, hash]));
    const isOther = next.audit.latest.some(
      ({ sequence, hash }) => (hashes.get(sequence) ?? hash) !== hash,
    );
    const newest = audit.value[0]?.sequence ?? 0;
    const isShorter = next.audit.length < newest && next.startedAtMs !== state.value?.startedAtMs;
    if (isOther || isShorter) audit.value = [];
    state.value = next;
    addRows(next.audit.latest);
    void askOthers(next);
  };

  const askOthers = async (next: HubState): Promise<void> => {
    const { total, shown } = next.devices;
    if (total <= shown.length) {
      others.value = [];
      return;
    }
    if (isAskingOthers || ports.nowMs() - othersAtMs < OTHERS_EVERY_MS) return;
    isAskingOthers = true;
    try {
      const known = new Set(shown.map(({ device }) => device));
      const found: DeviceSummary[] = [];
      let cursor: string | null = null;
      do {
        const from: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
        const page: { items: DeviceSummary[]; nextCursor: string | null } = await get(
          `/api/devices?limit=${DEVICES_PAGE}${from}`,
        );
        found.push(...page.items.filter(({ device }) => !known.has(device)));
        cursor = page.items.length === 0 ? null : page.nextCursor;
      } while (cursor !== null);
      others.value = found;
    } catch {
      // The next state document asks again; what is shown stays, and the link says when the hub is away.
    } finally {
      isAskingOthers = false;
      othersAtMs = ports.nowMs();
    }
  };

  /** One connection, from its opening to its end; false when the hub asks for a token. */
  const listen = async (outer: AbortSignal): Promise<boolean> => {
    const controller = new AbortController();
    const stop = (): void => controller.abort();
    outer.addEventListener("abort", stop, { once: true });
    try {
      const newest = audit.value[0]?.sequence;
      const answer = await ports.fetch("/api/events", {
        headers: {
          accept: "text/event-stream",
          ...(newest === undefined ? {} : { "last-event-id": String(newest) }),
        },
        signal: controller.signal,
      });
      if (answer.status === 401) {
        link.value = { kind: "locked", why: await wordsOf(answer) };
        return false;
      }
      if (!answer.ok || answer.body === null) throw new Error(await wordsOf(answer));
      for await (const { event, data } of parseEvents(heard(answer.body, stop))) {
        if (event === "state") {
          const isFirst = state.value === null;
          takeState(JSON.parse(data) as HubState);
          link.value = { kind: "live" };
          if (isFirst) void loadOlder().catch(() => {});
        } else if (event === "audit") {
          addRows([JSON.parse(data) as AuditRow]);
        }
      }
      return true;
    } finally {
      outer.removeEventListener("abort", stop);
      controller.abort();
    }
  };

  /** The bytes of a body; `onSilence` ends it when nothing comes for too long. */
  async function* heard(
    body: ReadableStream<Uint8Array>,
    onSilence: () => void,
  ): AsyncGenerator<Uint8Array> {
    const reader = body.getReader();
    try {
      for (;;) {
        const over = new AbortController();
        const watch = async (): Promise<void> => {
          await ports.wait(SILENCE_MS_MAX, over.signal);
          if (!over.signal.aborted) onSilence();
        };
        void watch();
        const { done, value } = await reader.read().finally(() => over.abort());
        if (done) return;
        yield value;
      }
    } finally {
      reader.releaseLock();
    }
  }

  const loadOlder = async (): Promise<void> => {
    const oldest = audit.value.at(-1)?.sequence ?? (state.value?.audit.length ?? 0) + 1;
    const after = Math.max(0, oldest - 1 - AUDIT_PAGE);
    if (oldest <= 1) return;
    const { items } = await get<{ items: AuditRow[] }>(
      `/api/audit?after=${after}&limit=${AUDIT_PAGE}`,
    );
    addRows(items);
  };

  return {
    link,
    state,
    devices: computed(() => [...(state.value?.devices.shown ?? []), ...others.value]),
    audit,
    get,
    loadOlder,
    hurry: () => wake(),
    unlock: async (token) => {
      const answer = await ports.fetch("/api/session", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ token }),
      });
      if (!answer.ok) throw new Error(await wordsOf(answer));
      link.value = { kind: "connecting" };
      wake();
    },
    run: async (outer) => {
      let attempt = 0;
      while (!outer.aborted) {
        let isAllowed = true;
        try {
          isAllowed = await listen(outer);
        } catch {
          // Network errors have no words that help a person; the link says what follows.
        }
        if (outer.aborted) return;
        const wasLive = link.value.kind === "live";
        if (wasLive) attempt = 0;
        const base = BACK_OFF_MS[Math.min(attempt, BACK_OFF_MS.length - 1)] ?? 15_000;
        const waitMs = Math.round(base * (0.75 + ports.jitter() / 2));
        attempt += 1;
        if (isAllowed) {
          const sinceMs = link.value.kind === "away" ? link.value.sinceMs : ports.nowMs();
          link.value = { kind: "away", sinceMs, nextTryMs: ports.nowMs() + waitMs };
        }
        const pause = new AbortController();
        const stop = (): void => pause.abort();
        wake = () => {
          attempt = 0;
          stop();
        };
        outer.addEventListener("abort", stop, { once: true });
        // A locked hub waits for a person, not for a clock.
        await ports.wait(isAllowed ? waitMs : 86_400_000, pause.signal);
        outer.removeEventListener("abort", stop);
      }
    },
  };
}

/** What a hub says about a request that it did not grant. */
async function wordsOf(answer: Response): Promise<string> {
  try {
    const { detail, hint } = (await answer.json()) as { detail?: unknown; hint?: unknown };
    if (typeof detail === "string") return typeof hint === "string" ? `${detail}; ${hint}` : detail;
  } catch {
    // Not a hub's problem document: the status is all there is.
  }
  return `the hub answered with status ${answer.status}`;
}
