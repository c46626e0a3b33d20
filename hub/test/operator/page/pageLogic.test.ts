import { describe, expect, it } from "vitest";
import type { DeviceSummary } from "../../../src/state.ts";
import { deviceMood, deviceSentence, newsBetween } from "../../../web/fleet/deviceMood.ts";
import { clockRate, hubNow, seeClock } from "../../../web/live/hubClock.ts";
import { parseRoute, routeHref, tokenInHash } from "../../../web/live/route.ts";
import { evidenceText, points } from "../../../web/parts/words.ts";
import { stageSteps } from "../../../web/progress/stageSteps.ts";
import {
  addToTrend,
  emptyTrend,
  type FleetTrend,
  shareOf,
  TREND_BINS_MAX,
} from "../../../web/trend/fleetTrend.ts";
import { layoutLineage } from "../../../web/versions/layoutLineage.ts";
import { fleetDevices, fleetState, versions } from "../fleetState.ts";

const [device] = fleetDevices({ deviceCount: 1, scene: "canary" });
if (device === undefined || device.counts === null)
  throw new Error("the fixture has a device that counts");
const noCounts = device.counts;
const served = {
  champion: "c".repeat(64),
  challenger: "d".repeat(64),
  withdrawn: new Set(["f".repeat(64)]),
};
const moodOf = (fields: Partial<DeviceSummary>): ReturnType<typeof deviceMood> =>
  deviceMood({ ...device, isConnected: true, ...fields }, served);

describe("a device's mood", () => {
  it("tells champion, challenger, another version and nothing apart", () => {
    expect(moodOf({ active: served.champion }).serves).toBe("champion");
    expect(moodOf({ active: served.challenger }).serves).toBe("challenger");
    expect(moodOf({ active: "e".repeat(64) }).serves).toBe("other");
    expect(moodOf({ active: "f".repeat(64) }).serves).toBe("withdrawn");
    expect(moodOf({ active: null })).toMatchObject({ serves: "nothing", presence: "unheard" });
  });

  it("is moving only between two known versions", () => {
    expect(moodOf({ active: served.champion, target: served.challenger }).isMoving).toBe(true);
    expect(moodOf({ active: served.champion, target: served.champion }).isMoving).toBe(false);
    expect(moodOf({ active: null, target: served.champion }).isMoving).toBe(false);
  });

  it("does not call a device connected or away when the broker cannot tell", () => {
    expect(moodOf({ isConnected: null, active: served.champion }).presence).toBe("here");
    expect(moodOf({ isConnected: false, active: served.champion }).presence).toBe("away");
    expect(moodOf({ isConnected: false, status: "quarantined" }).presence).toBe("quarantined");
  });

  it("is training when the device says so, and it is there", () => {
    const doing = "serving; training for 1 of 2 users";
    expect(moodOf({ doing }).isTraining).toBe(true);
    expect(moodOf({ doing, isConnected: false }).isTraining).toBe(false);
    expect(moodOf({ doing: "serving" }).isTraining).toBe(false);
  });

  it("says all of it in a sentence", () => {
    const sentence = deviceSentence(
      {
        ...device,
        device: "wrist-7",
        active: served.challenger,
        users: 2,
        personalUsers: 1,
        doing: "serving",
      },
      moodOf({ active: served.challenger, isCanary: true, users: 2, personalUsers: 1 }),
      "adopted",
    );
    expect(sentence).toBe(
      "wrist-7: connected, serves dddddddd (challenger, as a canary), own parameters for 1 of 2 users, adopted what it learned. serving",
    );
  });

  it("has news only when a counter rose that was known before", () => {
    const { counts } = device;
    if (counts === null) throw new Error("the fixture counts");
    expect(newsBetween(null, counts)).toBeNull();
    expect(newsBetween(counts, counts)).toBeNull();
    expect(newsBetween(counts, { ...counts, alarms: counts.alarms + 1 })).toBe("alarm");
    expect(
      newsBetween(counts, { ...counts, alarms: counts.alarms + 1, adopted: counts.adopted + 1 }),
    ).toBe("adopted");
  });
});

describe("the trend", () => {
  const counted = (feedback: number, correct: number, name = "a"): DeviceSummary => ({
    ...device,
    device: name,
    counts: { ...noCounts, feedback, correct, predictions: 0, outliers: 0 },
  });

  it("counts what is gained, and nothing that was there before the page", () => {
    let trend: FleetTrend = addToTrend(emptyTrend, [counted(1000, 10)], 0);
    expect(trend.bins).toEqual([]);
    trend = addToTrend(trend, [counted(1200, 190)], 2500);
    expect(trend.bins).toEqual([
      { atMs: 2000, feedback: 200, correct: 180, predictions: 0, outliers: 0 },
    ]);
    expect(shareOf(trend.bins, "correct", "feedback", 120)).toEqual([0.9]);
  });

  it("does not go down when a device counts from zero again", () => {
    let trend = addToTrend(emptyTrend, [counted(100, 90)], 0);
    trend = addToTrend(trend, [counted(5, 5)], 2500);
    expect(trend.bins).toEqual([]);
    trend = addToTrend(trend, [counted(10, 9)], 4500);
    expect(trend.bins.at(-1)).toMatchObject({ feedback: 5, correct: 4 });
  });

  it("borrows from earlier spans until there is enough to speak of", () => {
    const bins = [50, 50, 50].map((feedback, index) => ({
      atMs: index,
      feedback,
      correct: index === 0 ? 0 : 45,
      predictions: 0,
      outliers: 0,
    }));
    expect(shareOf(bins, "correct", "feedback", 120)).toEqual([null, null, 90 / 150]);
    expect(shareOf(bins, "outliers", "predictions", 500)).toEqual([null, null, null]);
  });

  it("stays bounded and loses no count, however long the page is open", () => {
    let trend = addToTrend(emptyTrend, [counted(0, 0)], 0);
    for (let tick = 1; tick <= 5000; tick += 1) {
      trend = addToTrend(trend, [counted(tick * 3, tick * 2)], tick * 2000);
      expect(trend.bins.length).toBeLessThanOrEqual(TREND_BINS_MAX);
    }
    expect(trend.bins.reduce((sum, { feedback }) => sum + feedback, 0)).toBe(15_000);
    expect(trend.bins.map(({ atMs }) => atMs)).toEqual(
      trend.bins.map(({ atMs }) => atMs).sort((a, b) => a - b),
    );
  });
});

describe("the way of a version", () => {
  const stepsIn = (scene: "collecting" | "shadowing" | "canary"): readonly string[] => {
    const [line] = fleetState({ deviceCount: 9, scene }).lines;
    if (line === undefined) throw new Error("the fixture has a line");
    return stageSteps(line).map(({ state }) => state);
  };

  it("stands at the window while it collects, and walks on from there", () => {
    expect(stepsIn("collecting")).toEqual(["now", "ahead", "ahead", "ahead", "ahead"]);
    expect(stepsIn("shadowing")).toEqual(["done", "now", "ahead", "ahead", "ahead"]);
    expect(stepsIn("canary")).toEqual(["done", "done", "done", "now", "ahead"]);
  });

  it("shows what a person has to look at as stopped", () => {
    const [line] = fleetState({ deviceCount: 9, scene: "canary" }).lines;
    if (line === undefined || line.challenger === null)
      throw new Error("the fixture has a challenger");
    const halted = { ...line, challenger: { ...line.challenger, stage: "halted" as const } };
    expect(stageSteps(halted).find(({ name }) => name === "Canary")?.state).toBe("stopped");
    const held = { ...line, challenger: { ...line.challenger, stage: "held" as const } };
    expect(stageSteps(held).find(({ name }) => name === "Gate")?.state).toBe("asking");
  });
});

describe("the lineage", () => {
  it("puts generations upwards and births to the right, with an edge to each known base", () => {
    const { nodes, edges, rowCount, columnCount } = layoutLineage(versions);
    expect([columnCount, rowCount]).toEqual([6, 4]);
    expect(nodes.map(({ column }) => column)).toEqual([0, 1, 2, 3, 4, 5]);
    for (const { from, to } of edges) {
      expect(from.column).toBeLessThan(to.column);
      expect(from.row).toBeLessThan(to.row);
    }
    expect(edges).toHaveLength(5);
  });

  it("leaves out an edge to a base that is not shown", () => {
    expect(layoutLineage(versions.slice(0, 1)).edges).toEqual([]);
    expect(layoutLineage([])).toMatchObject({ nodes: [], rowCount: 0 });
  });
});

describe("addresses", () => {
  it("lead to a view and back", () => {
    for (const kind of ["device", "version", "audit"] as const) {
      expect(parseRoute(routeHref(kind, "a/b #ü"))).toEqual({ kind, id: "a/b #ü" });
    }
  });

  it.each([
    "",
    "#",
    "#device",
    "#device/",
    "#device/a/b",
    "#moon/a",
    "#device/%E0%A4%A",
    "#token=x",
  ])("%j is the page itself", (hash) => {
    expect(parseRoute(hash)).toEqual({ kind: "none" });
  });

  it("carry a token, and nothing else passes for one", () => {
    expect(tokenInHash("#token=attune_viewer_a-Z09")).toBe("attune_viewer_a-Z09");
    for (const hash of ["#token=", "#token=a b", "#tokens=a", "token=a", "#token=<script>"]) {
      expect(tokenInHash(hash)).toBeNull();
    }
  });
});

describe("the hub's clock", () => {
  it("runs as fast as the hub's does, once that was seen for long enough", () => {
    let clock = seeClock(null, 0, 0);
    clock = seeClock(clock, 20_000, 1000);
    expect(clockRate(clock)).toBe(1);
    clock = seeClock(clock, 80_000, 4000);
    expect(clockRate(clock)).toBe(20);
    expect(hubNow(clock, 4500)).toBe(90_000);
    expect(clockRate(seeClock(clock, 5, 5000))).toBe(1);
  });
});

describe("words", () => {
  it.each([
    [0.0312, "+3.1"],
    [-0.02, "−2.0"],
    [-0.0001, "+0.0"],
    [0, "+0.0"],
  ])("%d is %s points", (share, text) => {
    expect(points(share)).toBe(text);
  });

  it.each([
    [0.041, "0.04"],
    [12.34, "12.3"],
    [1234, "1,234"],
    [4.2e9, "4 × 10^9"],
  ])("evidence of %d is %s", (value, text) => {
    expect(evidenceText(value)).toBe(text);
  });
});
