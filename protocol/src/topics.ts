// Names of MQTT topics and who may use which. It must not know what travels on them.
import {
  type CohortId,
  type DeviceId,
  type Digest,
  deviceIdSchema,
  type FleetId,
  type LineId,
} from "./ids.ts";

const root = (fleet: FleetId): string => `attune/v1/${fleet}`;

/** What a device sends. */
export type UpChannel = "contribution" | "report" | "receipt";
/** What a device is sent personally. */
export type DownChannel = "receipt" | "assignment";

/**
 * Topics of one fleet.
 *
 * @example
 * topics.up("home" as FleetId, "dev-1" as DeviceId, "report"); // => "attune/v1/home/d/dev-1/up/report"
 */
export const topics = {
  up: (fleet: FleetId, device: DeviceId, channel: UpChannel): string =>
    `${root(fleet)}/d/${device}/up/${channel}`,
  down: (fleet: FleetId, device: DeviceId, channel: DownChannel): string =>
    `${root(fleet)}/d/${device}/down/${channel}`,
  /** Retained: the latest decision for a cohort. */
  decision: (fleet: FleetId, line: LineId, cohort: CohortId): string =>
    `${root(fleet)}/line/${line}/c/${cohort}/decision`,
  /** Retained: the bytes of one small blob, checked by whoever reads them. */
  blob: (fleet: FleetId, digest: Digest): string => `${root(fleet)}/blob/${digest}`,
  /** Retained: the current trust root. */
  trustRoot: (fleet: FleetId): string => `${root(fleet)}/trust`,
  enrolUp: (fleet: FleetId, nonce: string): string => `${root(fleet)}/enrol/${nonce}/up`,
  enrolDown: (fleet: FleetId, nonce: string): string => `${root(fleet)}/enrol/${nonce}/down`,
  /** What a hub subscribes to. */
  allUp: (fleet: FleetId): string => `${root(fleet)}/d/+/up/+`,
  allEnrolUp: (fleet: FleetId): string => `${root(fleet)}/enrol/+/up`,
} as const;

/** Who holds an MQTT connection. */
export type Principal =
  | { readonly kind: "hub" }
  | { readonly kind: "device"; readonly device: DeviceId }
  | { readonly kind: "enrolling"; readonly nonce: string };

/**
 * Whether a principal may publish to a topic. A device writes only below its own `up`; nobody but the hub writes a decision,
 * a blob or a trust root, or any client could overwrite what is retained.
 *
 * @example
 * mayPublish("home" as FleetId, { kind: "device", device: "a" as DeviceId }, "attune/v1/home/d/b/up/report"); // => false
 */
export function mayPublish(fleet: FleetId, principal: Principal, topic: string): boolean {
  switch (principal.kind) {
    case "hub":
      return topic.startsWith(`${root(fleet)}/`);
    case "device":
      return ["contribution", "report", "receipt"].some(
        (channel) => topic === topics.up(fleet, principal.device, channel as UpChannel),
      );
    case "enrolling":
      return topic === topics.enrolUp(fleet, principal.nonce);
  }
}

/**
 * Whether a principal may subscribe to a topic filter. Filters with wildcards are the hub's alone, so that nobody listens to
 * another device's receipts.
 *
 * @example
 * maySubscribe("home" as FleetId, { kind: "device", device: "a" as DeviceId }, "attune/v1/home/d/+/down/receipt"); // => false
 */
export function maySubscribe(fleet: FleetId, principal: Principal, filter: string): boolean {
  if (principal.kind === "hub") return filter.startsWith(`${root(fleet)}/`);
  if (/[+#]/.test(filter)) return false;
  if (principal.kind === "enrolling") return filter === topics.enrolDown(fleet, principal.nonce);
  if (filter === topics.trustRoot(fleet)) return true;
  if (filter.startsWith(`${root(fleet)}/blob/`)) return true;
  if (filter.startsWith(`${root(fleet)}/line/`)) return filter.endsWith("/decision");
  return filter.startsWith(`${root(fleet)}/d/${principal.device}/down/`);
}

/**
 * Reads device and channel out of an `up` topic; `undefined` for any other topic.
 *
 * @example
 * parseUpTopic("home" as FleetId, "attune/v1/home/d/dev-1/up/report"); // => { device: "dev-1", channel: "report" }
 */
export function parseUpTopic(
  fleet: FleetId,
  topic: string,
): { readonly device: DeviceId; readonly channel: UpChannel } | undefined {
  const prefix = `${root(fleet)}/d/`;
  if (!topic.startsWith(prefix)) return undefined;
  const [device, up, channel, ...rest] = topic.slice(prefix.length).split("/");
  const parsed = deviceIdSchema.safeParse(device);
  if (!parsed.success || up !== "up" || rest.length > 0) return undefined;
  if (channel !== "contribution" && channel !== "report" && channel !== "receipt") return undefined;
  return { device: parsed.data, channel };
}
