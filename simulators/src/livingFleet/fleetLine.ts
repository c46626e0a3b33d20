// How the whole fleet is doing, from the hub's state and the devices' own inspections, as one line. It must not judge.
import type { HubState } from "@attune/hub";
import type { ScreenLine } from "./screenLine.ts";
import type { Wearable } from "./wearable.ts";

/** Words the fleet as it is now. */
export function fleetLine(
  wearables: readonly Pick<Wearable, "device" | "tally">[],
  { devices, lines }: Pick<HubState, "devices" | "lines">,
): ScreenLine {
  let personal = 0;
  let feedback = 0;
  let correct = 0;
  let alarms = 0;
  let dropped = 0;
  for (const { device } of wearables) {
    const { users, counts } = device.inspect();
    personal += users.filter(({ serving }) => serving === "personal").length;
    feedback += counts.feedback;
    correct += counts.correct;
    alarms += counts.alarms;
    dropped += counts.dropped;
  }
  const [line] = lines;
  const parts = [
    `${devices.connected} of ${devices.total} online`,
    `right ${feedback === 0 ? "-" : `${((correct / feedback) * 100).toFixed(0)} %`} of ${feedback} so far`,
    `${alarms} alarms`,
    `${personal} serve their own`,
    `${dropped} dropped`,
    ...(line === undefined ? [] : [(line.challenger ?? line.window).why]),
  ];
  return { who: "fleet", text: parts.join(" · "), tone: "wait", kind: null };
}
