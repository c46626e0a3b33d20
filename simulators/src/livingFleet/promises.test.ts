// Every promise can be broken, and says by whom.
import { expect, it } from "vitest";
import { checkPromises, type EndFacts } from "./promises.ts";

const facts: EndFacts = {
  storedContributions: ["d1", "d2"],
  devices: [
    { id: "watch-01", isConnected: true, active: "v2", target: "v2", receipted: ["d1"] },
    { id: "watch-02", isConnected: false, active: "v1", target: "v2", receipted: ["d2", "d2"] },
  ],
  released: new Set(["v1", "v2"]),
  audit: { ok: true, length: 12 },
};

const broken = (change: Partial<EndFacts>): readonly string[] =>
  checkPromises({ ...facts, ...change }).flatMap(({ broken: all }) => all);

it("[LF6] holds when everything is there once; a device that is away may be behind", () => {
  expect(broken({})).toEqual([]);
});

it("[LF6] a receipted delta that is missing, or there twice", () => {
  expect(broken({ storedContributions: ["d2"] })).toEqual(["d1 of watch-01 is there 0 times"]);
  expect(broken({ storedContributions: ["d1", "d1", "d2"] })).toEqual([
    "d1 of watch-01 is there 2 times",
  ]);
});

it("[LF6] a device on a version that was never released", () => {
  expect(broken({ released: new Set(["v2"]) })).toEqual(["watch-02 serves v1"]);
});

it("[LF6] a connected device that does not follow", () => {
  const [first, second] = facts.devices;
  const devices = [{ ...(first as EndFacts["devices"][number]), active: "v1" }, second as never];
  expect(broken({ devices })).toEqual(["watch-01 serves v1, not v2"]);
});

it("[LF6] a broken audit chain", () => {
  expect(broken({ audit: { ok: false, length: 12 } })).toHaveLength(1);
});
