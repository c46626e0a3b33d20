// What a device is doing now, out of what the hub knows of it; for a tile's look and for its words. Pure.
import type { ReportCounts } from "@attune/protocol";
import type { DeviceSummary } from "../../src/state.ts";

/** A device, as a tile shows it. */
export interface DeviceMood {
  readonly presence: "here" | "away" | "unheard" | "quarantined" | "retired";
  readonly serves: "champion" | "challenger" | "withdrawn" | "other" | "nothing";
  /** Its decision asks for another version than it serves. */
  readonly isMoving: boolean;
  readonly isCanary: boolean;
  readonly personal: "none" | "some" | "all";
  readonly isTraining: boolean;
}

/** The versions that give tiles their colours. */
export interface ServedVersions {
  readonly champion: string | null;
  readonly challenger: string | null;
  /** Rolled back: whoever serves one is on the way back. */
  readonly withdrawn: ReadonlySet<string>;
}

/** Reads a device's mood. */
export function deviceMood(device: DeviceSummary, served: ServedVersions): DeviceMood {
  const { status, isConnected, active, target, users, personalUsers } = device;
  return {
    presence:
      status !== "active"
        ? status
        : isConnected === false
          ? "away"
          : active === null
            ? "unheard"
            : "here",
    serves:
      active === null
        ? "nothing"
        : active === served.champion
          ? "champion"
          : active === served.challenger
            ? "challenger"
            : served.withdrawn.has(active)
              ? "withdrawn"
              : "other",
    isMoving: active !== null && target !== null && active !== target,
    isCanary: device.isCanary,
    personal: personalUsers === 0 ? "none" : personalUsers < users ? "some" : "all",
    // The device's own words for a job that runs.
    isTraining: isConnected !== false && /\btraining for\b/.test(device.doing),
  };
}

/** Something that a device's counters tell has just happened. */
export type DeviceNews = "alarm" | "adopted" | "dropped" | "reverted" | "contributed";

/** Which counter tells what; the first that rose is told, most telling first. */
const tellers: readonly (readonly [DeviceNews, keyof ReportCounts])[] = [
  ["reverted", "reverted"],
  ["adopted", "adopted"],
  ["contributed", "contributions"],
  ["dropped", "dropped"],
  ["alarm", "alarms"],
];

/**
 * What is new in a device's counters since they were looked at before; `null` when nothing is, or when nothing was known.
 */
export function newsBetween(
  before: ReportCounts | null | undefined,
  after: ReportCounts | null,
): DeviceNews | null {
  if (before === null || before === undefined || after === null) return null;
  return tellers.find(([, counter]) => after[counter] > before[counter])?.[0] ?? null;
}

const newsWords: Readonly<Record<DeviceNews, string>> = {
  alarm: "noticed a drift",
  adopted: "adopted what it learned",
  dropped: "dropped what it learned",
  reverted: "gave its own parameters up",
  contributed: "sent a delta",
};

/** A device in one sentence, for screen readers and tooltips. */
export function deviceSentence(
  device: DeviceSummary,
  mood: DeviceMood,
  news: DeviceNews | null,
): string {
  const version = device.active === null ? "nothing yet" : device.active.slice(0, 8);
  const role =
    mood.serves === "champion"
      ? " (champion)"
      : mood.serves === "challenger"
        ? mood.isCanary
          ? " (challenger, as a canary)"
          : " (challenger)"
        : mood.serves === "withdrawn"
          ? " (withdrawn)"
          : "";
  const presence: Readonly<Record<DeviceMood["presence"], string>> = {
    here: "connected",
    away: "away",
    unheard: "not heard of yet",
    quarantined: "in quarantine",
    retired: "retired",
  };
  const personal =
    device.users === 0
      ? ""
      : mood.personal === "none"
        ? ", shared parameters"
        : `, own parameters for ${device.personalUsers} of ${device.users} users`;
  const latest = news === null ? "" : `, ${newsWords[news]}`;
  return `${device.device}: ${presence[mood.presence]}, serves ${version}${role}${personal}${latest}. ${device.doing}`;
}
