// The top of the page: which fleet, how the connection is, and everything that must not be overlooked.
import type { JSX } from "preact";
import { formatDuration } from "../../src/cli/duration.ts";
import type { Link } from "../live/liveHub.ts";
import type { PageModel } from "../pageModel.ts";
import { AttuneMark } from "./icons.tsx";

/** The bar. */
export function TopBar({ model }: { readonly model: PageModel }): JSX.Element {
  const state = model.hub.state.value;
  const lines = state?.lines ?? [];
  return (
    <header class="top">
      <a class="skip" href="#main">
        Skip to the fleet
      </a>
      <div class="brand">
        <AttuneMark />
        <h1>
          Attune <span class="fleet-name">{state?.fleet ?? ""}</span>
        </h1>
      </div>
      {lines.length > 1 && (
        <label class="choice">
          <span class="hidden">Model line</span>
          <select
            value={model.line.value?.line ?? ""}
            onChange={({ currentTarget }) => {
              model.chosenLine.value = currentTarget.value;
            }}
          >
            {lines.map(({ line }) => (
              <option key={line} value={line}>
                {line}
              </option>
            ))}
          </select>
        </label>
      )}
      <div class="badges">
        {state?.trust.isDemo === true && (
          <span
            class="badge wait"
            title="Release keys made for a demo: devices accept them on this machine only"
          >
            demo keys
          </span>
        )}
        {model.line.value?.guards === "off" && (
          <span class="badge bad" title="Gates and rollout health are shown, and nobody obeys them">
            guards off
          </span>
        )}
        {state !== null && !state.broker.isConnected && <span class="badge bad">broker away</span>}
        <LinkBadge link={model.hub.link.value} />
      </div>
    </header>
  );
}

function LinkBadge({ link }: { readonly link: Link }): JSX.Element {
  const words: Readonly<Record<Link["kind"], string>> = {
    connecting: "connecting",
    live: "live",
    away: "disconnected",
    locked: "locked",
  };
  return (
    <span class={`badge link ${link.kind}`} role="status">
      <span class="pulse" aria-hidden="true" />
      {words[link.kind]}
    </span>
  );
}

/** Across the page while the hub is away: what is shown is old. */
export function AwayBanner({ model }: { readonly model: PageModel }): JSX.Element | null {
  const link = model.hub.link.value;
  // Reading the clock makes the seconds count.
  void model.now.value;
  if (link.kind !== "away") return null;
  const nowMs = Date.now();
  return (
    <div class="banner" role="alert">
      <p>
        The hub does not answer. What is shown is {formatDuration(nowMs - link.sinceMs)} old; next
        try {link.nextTryMs > nowMs ? `in ${formatDuration(link.nextTryMs - nowMs)}` : "now"}.
      </p>
      <button type="button" onClick={() => model.hub.hurry()}>
        Try now
      </button>
    </div>
  );
}
