// One device as a small tile: who it is, what it serves, what it does. Its sentence says all of it to who does not see it.

import type { FunctionComponent, JSX } from "preact";
import { memo } from "preact/compat";
import type { DeviceSummary } from "../../src/state.ts";
import { routeHref } from "../live/route.ts";
import { PersonIcon } from "../parts/icons.tsx";
import { type DeviceMood, type DeviceNews, deviceSentence } from "./deviceMood.ts";

/** What a tile shows. */
export interface DeviceTileProps {
  readonly device: DeviceSummary;
  readonly mood: DeviceMood;
  readonly news: DeviceNews | null;
  /** Generation of what it serves, when that is known. */
  readonly generation: number | null;
  readonly isTabStop: boolean;
}

const newsSigns: Readonly<Record<DeviceNews, string>> = {
  alarm: "!",
  adopted: "★",
  dropped: "–",
  reverted: "↩",
  contributed: "↑",
};

function Tile({ device, mood, news, generation, isTabStop }: DeviceTileProps): JSX.Element {
  const sentence = deviceSentence(device, mood, news);
  const classes = [
    "tile",
    mood.presence,
    `serves-${mood.serves}`,
    `personal-${mood.personal}`,
    mood.isCanary ? "canary" : "",
    mood.isTraining ? "training" : "",
    mood.isMoving ? "moving" : "",
  ];
  return (
    <li>
      <a
        class={classes.join(" ")}
        href={routeHref("device", device.device)}
        aria-label={sentence}
        title={sentence}
        tabIndex={isTabStop ? 0 : -1}
        data-device={device.device}
      >
        <span class="tile-face">
          <PersonIcon filled={mood.personal !== "none"} />
          {news !== null && <span class={`news ${news}`}>{newsSigns[news]}</span>}
        </span>
        <span class="tile-words">
          <span class="tile-name">{device.device}</span>
          <span class="tile-doing">{device.doing}</span>
        </span>
        <span class="tile-version">{generation === null ? "" : `g${generation}`}</span>
      </a>
    </li>
  );
}

/** Draws again only when something that is shown has changed: a fleet has a thousand of these. */
export const DeviceTile: FunctionComponent<DeviceTileProps> = memo(
  Tile,
  (a, b) =>
    a.isTabStop === b.isTabStop &&
    a.news === b.news &&
    a.generation === b.generation &&
    a.device.doing === b.device.doing &&
    a.device.active === b.device.active &&
    sameMood(a.mood, b.mood),
);

const sameMood = (a: DeviceMood, b: DeviceMood): boolean =>
  a.presence === b.presence &&
  a.serves === b.serves &&
  a.isMoving === b.isMoving &&
  a.isCanary === b.isCanary &&
  a.personal === b.personal &&
  a.isTraining === b.isTraining;
