import { describe, expect, it } from "vitest";
import type { CohortId, DeviceId, Digest, FleetId, LineId } from "./ids.ts";
import { mayPublish, maySubscribe, type Principal, parseUpTopic, topics } from "./topics.ts";

const fleet = "home" as FleetId;
const other = "home-2" as FleetId;
const me = "dev-1" as DeviceId;
const you = "dev-10" as DeviceId;
const nonce = "0123456789abcdef0123456789abcdef";
const hub: Principal = { kind: "hub" };
const device: Principal = { kind: "device", device: me };
const enrolling: Principal = { kind: "enrolling", nonce };
const decision = topics.decision(fleet, "activity" as LineId, "ward-3" as CohortId);
const blob = topics.blob(fleet, "0".repeat(64) as Digest);

/** Every topic of a fleet, with who may publish to it and who may subscribe to it. */
const rules: readonly (readonly [string, readonly Principal[], readonly Principal[]])[] = [
  [topics.up(fleet, me, "contribution"), [hub, device], [hub]],
  [topics.up(fleet, me, "report"), [hub, device], [hub]],
  [topics.up(fleet, me, "receipt"), [hub, device], [hub]],
  [topics.up(fleet, you, "contribution"), [hub], [hub]],
  [topics.down(fleet, me, "receipt"), [hub], [hub, device]],
  [topics.down(fleet, me, "assignment"), [hub], [hub, device]],
  [topics.down(fleet, you, "receipt"), [hub], [hub]],
  [topics.down(fleet, you, "assignment"), [hub], [hub]],
  [decision, [hub], [hub, device]],
  [blob, [hub], [hub, device]],
  [topics.trustRoot(fleet), [hub], [hub, device]],
  [topics.enrolUp(fleet, nonce), [hub, enrolling], [hub]],
  [topics.enrolDown(fleet, nonce), [hub], [hub, enrolling]],
  [topics.enrolUp(fleet, "f".repeat(32)), [hub], [hub]],
  [topics.enrolDown(fleet, "f".repeat(32)), [hub], [hub]],
  // Nobody's, or another fleet's.
  [topics.up(other, me, "report"), [], []],
  [topics.decision(other, "activity" as LineId, "ward-3" as CohortId), [], []],
  ["attune/v1/home", [], []],
  ["$SYS/broker/clients", [], []],
  ["", [], []],
];

describe("topics", () => {
  it("[PR46] have these names", () => {
    expect([
      topics.up(fleet, me, "contribution"),
      topics.down(fleet, me, "assignment"),
      decision,
      blob,
      topics.trustRoot(fleet),
      topics.enrolUp(fleet, nonce),
      topics.enrolDown(fleet, nonce),
      topics.allUp(fleet),
      topics.allEnrolUp(fleet),
    ]).toStrictEqual([
      "attune/v1/home/d/dev-1/up/contribution",
      "attune/v1/home/d/dev-1/down/assignment",
      "attune/v1/home/line/activity/c/ward-3/decision",
      `attune/v1/home/blob/${"0".repeat(64)}`,
      "attune/v1/home/trust",
      `attune/v1/home/enrol/${nonce}/up`,
      `attune/v1/home/enrol/${nonce}/down`,
      "attune/v1/home/d/+/up/+",
      "attune/v1/home/enrol/+/up",
    ]);
  });

  it.each(rules)("[PR47] %s is published to by whom it should be", (topic, publishers) => {
    for (const principal of [hub, device, enrolling]) {
      expect(mayPublish(fleet, principal, topic)).toBe(publishers.includes(principal));
    }
  });

  it.each(rules)("[PR48] %s is subscribed to by whom it should be", (topic, _, subscribers) => {
    for (const principal of [hub, device, enrolling]) {
      expect(maySubscribe(fleet, principal, topic)).toBe(subscribers.includes(principal));
    }
  });

  it.each([
    "#",
    "+/v1/home/trust",
    "attune/v1/home/#",
    "attune/v1/home/d/+/down/receipt",
    "attune/v1/home/d/dev-1/down/+",
    "attune/v1/home/d/dev-1/down/#",
    "attune/v1/home/line/+/c/+/decision",
    "attune/v1/home/line/#",
    "attune/v1/home/blob/+",
    "attune/v1/home/enrol/+/down",
    "$share/group/attune/v1/home/d/dev-1/down/receipt",
  ])("[PR48] the filter %s is not for devices", (filter) => {
    expect(maySubscribe(fleet, device, filter)).toBe(false);
    expect(maySubscribe(fleet, enrolling, filter)).toBe(false);
  });

  it("[PR47] with wildcards are not published to by a device", () => {
    for (const topic of [
      "attune/v1/home/d/+/up/report",
      "attune/v1/home/d/dev-1/up/#",
      "attune/v1/home/d/dev-1/up/report/",
    ]) {
      expect(mayPublish(fleet, device, topic)).toBe(false);
    }
  });
});

describe("an up topic", () => {
  it("[PR49] says whose it is and what for", () => {
    for (const channel of ["contribution", "report", "receipt"] as const) {
      expect(parseUpTopic(fleet, topics.up(fleet, me, channel))).toStrictEqual({
        device: me,
        channel,
      });
    }
  });

  it.each([
    "attune/v1/home/d/dev-1/up/decision",
    "attune/v1/home/d/dev-1/down/receipt",
    "attune/v1/home/d/dev-1/up",
    "attune/v1/home/d/dev-1/up/report/x",
    "attune/v1/home/d//up/report",
    "attune/v1/home/d/+/up/report",
    "attune/v1/home/d/DEV/up/report",
    `attune/v1/home/d/${"a".repeat(64)}/up/report`,
    "attune/v1/home-2/d/dev-1/up/report",
    "attune/v1/home/trust",
    "",
  ])("[PR49] is not %j", (topic) => {
    expect(parseUpTopic(fleet, topic)).toBeUndefined();
  });
});
