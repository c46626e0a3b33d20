// Everything that the page's parts share, made once per page and handed down; nothing of it lives in a module.
import { computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { AuditRow } from "../src/core/audit/auditChain.ts";
import type { DeviceSummary, HubState, LineSummary, VersionSummary } from "../src/state.ts";
import { type DeviceNews, newsBetween, type ServedVersions } from "./fleet/deviceMood.ts";
import { type HubClock, hubNow, seeClock } from "./live/hubClock.ts";
import type { LiveHub } from "./live/liveHub.ts";
import { parseRoute, type Route } from "./live/route.ts";
import { addToTrend, emptyTrend, type FleetTrend } from "./trend/fleetTrend.ts";

/** Something that a device did lately. */
export interface LatestNews {
  readonly news: DeviceNews;
  readonly wallMs: number;
}

/** The page's model. */
export interface PageModel {
  readonly hub: LiveHub;
  readonly route: ReadonlySignal<Route>;
  /** The line that is looked at. */
  readonly line: ReadonlySignal<LineSummary | null>;
  readonly chosenLine: Signal<string | null>;
  readonly served: ReadonlySignal<ServedVersions>;
  /** Devices of the line that is looked at. */
  readonly devices: ReadonlySignal<readonly DeviceSummary[]>;
  readonly news: ReadonlySignal<ReadonlyMap<string, LatestNews>>;
  readonly trend: ReadonlySignal<FleetTrend>;
  /** The hub's time, about once a second. */
  readonly now: ReadonlySignal<number>;
  /** Generation and short name of a version, by its digest. */
  readonly versions: ReadonlySignal<ReadonlyMap<string, VersionSummary>>;
  readonly announcement: ReadonlySignal<string>;
  announce(text: string): void;
  /** Closes the view that lies over the page. */
  leave(): void;
}

/** News fade after this. */
const NEWS_MS = 8000;

/** What the model needs of the browser. */
export interface PagePorts {
  readonly hash: () => string;
  readonly onHash: (listener: () => void) => void;
  /** Takes the hash away without scrolling, which setting it to nothing would do. */
  readonly clearHash: () => void;
  readonly nowMs: () => number;
  readonly every: (ms: number, listener: () => void) => void;
}

/** Joins a hub and a browser. */
export function createPageModel(hub: LiveHub, ports: PagePorts): PageModel {
  const route = signal(parseRoute(ports.hash()));
  ports.onHash(() => {
    route.value = parseRoute(ports.hash());
  });
  const chosenLine = signal<string | null>(null);
  const line = computed(() => {
    const lines = hub.state.value?.lines ?? [];
    return lines.find(({ line: name }) => name === chosenLine.value) ?? lines[0] ?? null;
  });
  const devices = computed(() => {
    const name = line.value?.line;
    return name === undefined
      ? hub.devices.value
      : hub.devices.value.filter((device) => device.line === name);
  });
  const served = computed(() => servedBy(line.value), { name: "served" });
  const versions = computed(
    () =>
      new Map(
        (hub.state.value?.lines ?? []).flatMap(({ versions: known, champion, challenger }) =>
          [...known, ...(champion === null ? [] : [champion]), challenger?.version ?? []]
            .flat()
            .map((version) => [version.version, version] as const),
        ),
      ),
  );
  const news = signal<ReadonlyMap<string, LatestNews>>(new Map());
  const trend = signal<FleetTrend>(emptyTrend);
  const wall = signal(ports.nowMs());
  const clock = signal<HubClock | null>(null);
  const announcement = signal("");
  let before = new Map<string, DeviceSummary>();
  let lastState: HubState | null = null;
  ports.every(1000, () => {
    wall.value = ports.nowMs();
    news.value = fresh(news.value, wall.value);
  });
  effect(() => {
    const state = hub.state.value;
    const known = hub.devices.value;
    if (state === null || state === lastState) return;
    lastState = state;
    const wallMs = ports.nowMs();
    clock.value = seeClock(clock.peek(), state.nowMs, wallMs);
    trend.value = addToTrend(trend.peek(), known, state.nowMs);
    const told = new Map(fresh(news.peek(), wallMs));
    for (const device of known) {
      const latest = newsBetween(before.get(device.device)?.counts, device.counts);
      if (latest !== null) told.set(device.device, { news: latest, wallMs });
    }
    before = new Map(known.map((device) => [device.device, device]));
    news.value = told;
  });
  return {
    hub,
    route,
    line,
    chosenLine,
    served,
    devices,
    news,
    trend,
    now: computed(() =>
      clock.value === null
        ? wall.value
        : hubNow(clock.value, Math.max(wall.value, clock.value.lastWallMs)),
    ),
    versions,
    announcement,
    announce: (text) => {
      announcement.value = text;
    },
    leave: () => {
      ports.clearHash();
      route.value = { kind: "none" };
    },
  };
}

const servedBy = (line: LineSummary | null): ServedVersions => ({
  champion: line?.champion?.version ?? null,
  challenger: line?.challenger?.version?.version ?? null,
  withdrawn: new Set(
    (line?.versions ?? [])
      .filter(({ status }) => status === "rolled-back")
      .map(({ version }) => version),
  ),
});

const fresh = (
  news: ReadonlyMap<string, LatestNews>,
  wallMs: number,
): ReadonlyMap<string, LatestNews> =>
  [...news.values()].every((item) => wallMs - item.wallMs < NEWS_MS)
    ? news
    : new Map([...news].filter(([, item]) => wallMs - item.wallMs < NEWS_MS));

/** Rows that everybody should hear of, also who does not look. */
export function isHeadline(row: AuditRow): boolean {
  return /^(?:rollout\.(?:started|promoted|rolledBack|halted|held)|rollback\.ordered|release\.created|gate\.verdict)$/.test(
    row.action,
  );
}
