// Gathers what the promises at the end are checked on: from the hub's API and the devices' inspections. It must not judge.
import type { VersionDetail } from "@attune/hub";
import type { FoundedHub } from "./foundHub.ts";
import type { EndFacts } from "./promises.ts";
import type { Wearable } from "./wearable.ts";

/** Asks everybody. @param devices as they were when everything was quiet: a rollout may go on since then */
export async function gatherEnd(
  devices: EndFacts["devices"],
  { api }: Pick<FoundedHub, "api">,
): Promise<EndFacts> {
  const contributions = await api.list<{ readonly digest: string }>("/api/contributions");
  const versions = await api.list<{ readonly version: string }>("/api/versions");
  const released = new Set<string>();
  for (const { version } of versions) {
    const { record } = await api.get<VersionDetail>(`/api/versions/${version}`);
    if (record !== null) released.add(version);
  }
  const audit = await api.get<{ readonly ok: boolean; readonly length: number }>(
    "/api/audit/verify",
  );
  return {
    storedContributions: contributions.map(({ digest }) => digest),
    devices,
    released,
    audit,
  };
}

const targetsOf = (hub: Pick<FoundedHub["hub"], "state">): ReadonlyMap<string, string | null> =>
  new Map(hub.state().devices.shown.map(({ device, target }) => [device, target]));

/** Real time for what is on its way when the story is over. */
const QUIET_MS_MAX = 10_000;

/** How every device stands at this moment. */
function standings(
  wearables: readonly Wearable[],
  targets: ReadonlyMap<string, string | null>,
): EndFacts["devices"] {
  return wearables.map(({ id, device, tally }) => {
    const { link, slots } = device.inspect();
    return {
      id,
      isConnected: link.state === "online",
      active: slots.active.version,
      target: targets.get(id) ?? null,
      receipted: [...tally().receipted],
    };
  });
}

/**
 * Waits until nothing is on its way any more: outboxes are empty and every connected device serves its target; or as long as it may.
 *
 * @returns how every device stood at that moment
 */
export async function untilQuiet(
  wearables: readonly Wearable[],
  { hub }: Pick<FoundedHub, "hub">,
  signal: AbortSignal,
): Promise<EndFacts["devices"]> {
  const untilMs = performance.now() + QUIET_MS_MAX;
  for (;;) {
    const targets = targetsOf(hub);
    const isQuiet = wearables.every(({ id, device }) => {
      const { link, slots, outbox } = device.inspect();
      return (
        link.state !== "online" ||
        (slots.active.version === targets.get(id) && outbox.entries.length === 0)
      );
    });
    if (isQuiet || performance.now() > untilMs) return standings(wearables, targets);
    signal.throwIfAborted();
    await hub.idle();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
