// The fleet, one tile a device, from one to a thousand: filters, sizes, and one tab stop for all of them.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import type { DeviceSummary } from "../../src/state.ts";
import type { PageModel } from "../pageModel.ts";
import { CopyCommand } from "../parts/copyCommand.tsx";
import { countOf } from "../parts/words.ts";
import { type DeviceMood, type DeviceNews, deviceMood } from "./deviceMood.ts";
import { DeviceTile } from "./deviceTile.tsx";

interface Seen {
  readonly device: DeviceSummary;
  readonly mood: DeviceMood;
  readonly news: DeviceNews | null;
}

interface Filter {
  readonly name: string;
  readonly holds: (seen: Seen) => boolean;
}

const filters: readonly Filter[] = [
  { name: "All", holds: () => true },
  { name: "Canary", holds: ({ mood }) => mood.isCanary },
  { name: "On the challenger", holds: ({ mood }) => mood.serves === "challenger" },
  { name: "Personal", holds: ({ mood }) => mood.personal !== "none" },
  { name: "Training", holds: ({ mood }) => mood.isTraining },
  { name: "Moving", holds: ({ mood }) => mood.isMoving },
  { name: "Away", holds: ({ mood }) => mood.presence === "away" || mood.presence === "unheard" },
  { name: "Quarantine", holds: ({ mood }) => mood.presence === "quarantined" },
  { name: "Refused something", holds: ({ device }) => device.refusals > 0 },
];

/** Up to so many devices have names on their tiles; above that tiles shrink. */
const NAMED_MAX = 80;
const SMALL_MAX = 300;

/** The panel. */
export function FleetPanel({ model }: { readonly model: PageModel }): JSX.Element {
  const chosen = useSignal("All");
  const search = useSignal("");
  const tabStop = useSignal<string | null>(null);
  const list = useRef<HTMLUListElement>(null);
  const served = model.served.value;
  const all = model.devices.value
    .filter(({ status }) => status !== "retired")
    .map(
      (device): Seen => ({
        device,
        mood: deviceMood(device, served),
        news: model.news.value.get(device.device)?.news ?? null,
      }),
    );
  const filter = filters.find(({ name }) => name === chosen.value) ?? filters[0];
  const words = search.value.trim().toLowerCase();
  const shown = all.filter(
    (seen) =>
      (filter?.holds(seen) ?? true) &&
      (words === "" ||
        seen.device.device.includes(words) ||
        seen.device.cohort.includes(words) ||
        seen.device.doing.toLowerCase().includes(words)),
  );
  const size = all.length <= NAMED_MAX ? "named" : all.length <= SMALL_MAX ? "small" : "dots";
  const stop = shown.some(({ device }) => device.device === tabStop.value)
    ? tabStop.value
    : (shown[0]?.device.device ?? null);
  const onKeyDown = (event: KeyboardEvent): void => {
    const links = [...(list.current?.querySelectorAll<HTMLAnchorElement>("a") ?? [])];
    const at = links.indexOf(document.activeElement as HTMLAnchorElement);
    const to = at < 0 ? null : neighbour(event.key, at, links);
    if (to === null) return;
    event.preventDefault();
    tabStop.value = links[to]?.dataset["device"] ?? null;
    links[to]?.focus();
  };
  return (
    <section class="panel fleet" aria-labelledby="fleet-title">
      <header>
        <h2 id="fleet-title">Fleet</h2>
        <p class="quiet">{fleetWords(all)}</p>
      </header>
      {all.length === 0 ? (
        <div class="empty">
          <p>
            No device has joined yet. Make a token for it, and give it to your app's createDevice.
          </p>
          <CopyCommand command="npx attune device token" />
        </div>
      ) : (
        <>
          <div class="filters" role="group" aria-label="Which devices are shown">
            {filters.map(({ name, holds }) => {
              const count = all.filter(holds).length;
              return name === "All" || count > 0 || chosen.value === name ? (
                <button
                  key={name}
                  type="button"
                  class="filter"
                  aria-pressed={chosen.value === name}
                  onClick={() => {
                    chosen.value = name;
                  }}
                >
                  {name} <span class="count">{count}</span>
                </button>
              ) : null;
            })}
            {all.length > 12 && (
              <input
                type="search"
                placeholder="Find a device"
                aria-label="Find a device, a cohort or a state"
                value={search.value}
                onInput={({ currentTarget }) => {
                  search.value = currentTarget.value;
                }}
              />
            )}
          </div>
          <ul
            ref={list}
            class={`tiles ${size}`}
            onKeyDown={onKeyDown}
            aria-label={`${countOf(shown.length, "device")}; arrow keys move between them`}
          >
            {shown.map(({ device, mood, news }) => (
              <DeviceTile
                key={device.device}
                device={device}
                mood={mood}
                news={news}
                generation={
                  device.active === null
                    ? null
                    : (model.versions.value.get(device.active)?.generation ?? null)
                }
                isTabStop={device.device === stop}
              />
            ))}
          </ul>
          {shown.length === 0 && <p class="empty quiet">No device is like that now.</p>}
          <Legend />
        </>
      )}
    </section>
  );
}

const fleetWords = (all: readonly Seen[]): string => {
  const count = (holds: (seen: Seen) => boolean): number => all.filter(holds).length;
  const personal = count(({ mood }) => mood.personal !== "none");
  const here = count(({ device }) => device.isConnected === true);
  return all.length === 0
    ? "nobody here yet"
    : `${countOf(all.length, "device")}, ${here} connected, ${personal} with parameters of their own`;
};

/** Which tile an arrow key leads to, by where the tiles stand. */
function neighbour(key: string, at: number, links: readonly HTMLElement[]): number | null {
  if (key === "ArrowRight") return Math.min(links.length - 1, at + 1);
  if (key === "ArrowLeft") return Math.max(0, at - 1);
  if (key === "Home") return 0;
  if (key === "End") return links.length - 1;
  if (key !== "ArrowDown" && key !== "ArrowUp") return null;
  const here = links[at]?.getBoundingClientRect();
  if (here === undefined) return null;
  const step = key === "ArrowDown" ? 1 : -1;
  for (let to = at + step; to >= 0 && to < links.length; to += step) {
    const there = links[to]?.getBoundingClientRect();
    if (there !== undefined && there.top !== here.top && Math.abs(there.left - here.left) < 2) {
      return to;
    }
  }
  return at;
}

function Legend(): JSX.Element {
  return (
    <ul class="legend" aria-hidden="true">
      <li class="champion">champion</li>
      <li class="challenger">challenger</li>
      <li class="withdrawn">withdrawn</li>
      <li class="other">another version</li>
      <li class="own">filled: own parameters</li>
      <li class="ring">ring: training</li>
      <li class="faded">faded: away</li>
      <li>
        <b class="news-alarm">!</b> drift <b class="news-adopted">★</b> adopted{" "}
        <b class="news-contributed">↑</b> sent a delta
      </li>
    </ul>
  );
}
