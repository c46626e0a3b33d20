// Made-up fleets: who drifts together, who alone, and that a fleet in which nobody has anything in common says nothing.
import { createSeededRandom } from "@attune/device-runtime/testing";
import type { DeviceId, DriftFinding, DriftReport } from "@attune/protocol";
import { describe, expect, it } from "vitest";
import {
  DRIFT_ALONE_SHARE,
  DRIFT_ALONE_SHOWN_MAX,
  DRIFT_FALSE_SHARE,
  DRIFT_GROUPS_MAX,
  DRIFT_SILENT_MS,
  DRIFT_TOGETHER_MS,
} from "../../limits.ts";
import { type DeviceDrift, fleetDrift } from "./fleetDrift.ts";
import { togetherEvidence } from "./togetherEvidence.ts";

const hourMs = 3_600_000;
const nowMs = 10_000 * hourMs;

const found = (name: string, change: Partial<DriftFinding> = {}): DriftFinding => ({
  kind: "feature",
  name,
  direction: "up",
  users: 1,
  count: 30,
  evidence: 90_000,
  limit: 80_000,
  severity: { mean: 3, low: 2.5, high: 3.5 },
  onsetMs: nowMs - 20 * hourMs,
  ...change,
});

const says = (
  findings: readonly DriftFinding[],
  change: Partial<DriftReport> = {},
): DriftReport => ({
  version: 1,
  verdict: findings.length > 0 ? "fail" : "pass",
  users: 1,
  learningUsers: 0,
  driftedUsers: findings.length > 0 ? 1 : 0,
  windows: 5000,
  series: 12,
  findings,
  unnamedFindings: 0,
  outliers: { windows: 10, recentShare: 0.1, referenceShare: 0.1 },
  quarantined: {
    windows: 0,
    problems: {
      valueMissing: 0,
      valueOutside: 0,
      channelSaturated: 0,
      channelStuck: 0,
      windowDuplicated: 0,
      samplingGap: 0,
    },
  },
  rules: { violations: 0, broken: 0 },
  ...change,
});

const of = (
  index: number,
  cohort: string,
  drift: DriftReport,
  change: Partial<DeviceDrift> = {},
): DeviceDrift => ({
  device: `dev-${String(index).padStart(5, "0")}` as DeviceId,
  cohort,
  drift,
  atMs: nowMs,
  receivedAtMs: nowMs,
  ...change,
});

/** A fleet of four cohorts, `index % 4`. */
const fleet = (
  count: number,
  findingsOf: (index: number, cohort: number) => readonly DriftFinding[],
) =>
  Array.from({ length: count }, (_, index) =>
    of(index, `c${index % 4}`, says(findingsOf(index, index % 4))),
  );

describe("together", () => {
  it("[HB100] a cohort that drifts on one channel in one direction is one group, with what else it drifts on", () => {
    const drift = fleetDrift(
      fleet(40, (_, cohort) =>
        cohort === 2 ? [found("acc-x"), found("joint", { direction: "mixed" })] : [],
      ),
      nowMs,
    );
    expect(drift.together).toHaveLength(1);
    expect(drift.together[0]).toMatchObject({ cohort: "c2", deviceCount: 10, watchedCount: 10 });
    expect(drift.together[0]?.findings.map(({ name }) => name).sort()).toEqual(["acc-x", "joint"]);
    expect(drift.alone).toEqual([]);
    expect(drift.verdict).toBe("fail");
    expect(drift.why).toBe("10 of 40 devices drift: 10 together in 1 group, 0 alone");
  });

  it("[HB100] a season, which a third of all cohorts feel within two days, is a group of the whole line", () => {
    const drift = fleetDrift(
      fleet(60, (index) =>
        index % 3 === 0
          ? [found("temperature", { onsetMs: nowMs - (20 + (index % 40)) * hourMs })]
          : [],
      ),
      nowMs,
    );
    expect(drift.together).toHaveLength(1);
    expect(drift.together[0]).toMatchObject({ cohort: null, deviceCount: 20, watchedCount: 60 });
    expect(drift.together[0]?.onset).toEqual({
      fromMs: nowMs - 59 * hourMs,
      toMs: nowMs - 20 * hourMs,
    });
  });

  it("[HB100] two causes are two groups", () => {
    const drift = fleetDrift(
      fleet(48, (_, cohort) =>
        cohort === 0
          ? [found("acc-x")]
          : cohort === 1
            ? [found("gyro-z", { direction: "down" })]
            : [],
      ),
      nowMs,
    );
    expect(drift.together.map(({ cohort, findings }) => [cohort, findings[0]?.name])).toEqual([
      ["c0", "acc-x"],
      ["c1", "gyro-z"],
    ]);
  });

  it("[HB100] the same channel another way, or weeks apart, has another cause", () => {
    const ways = ["up", "down", "mixed"] as const;
    const apart = fleetDrift(
      fleet(12, (index) => [found("acc-x", { onsetMs: nowMs - index * (DRIFT_TOGETHER_MS + 1) })]),
      nowMs,
    );
    expect(apart.together).toEqual([]);
    expect(apart.alone).toHaveLength(12);
    const another = fleetDrift(
      fleet(12, (index) =>
        index < 6 ? [found("acc-x", { direction: ways[index % 3] as "up" })] : [],
      ),
      nowMs,
    );
    expect(another.together).toEqual([]);
  });

  it("[HB100] onsets are compared by age, so wrong clocks do no harm", () => {
    const drift = fleetDrift(
      fleet(12, () => [found("acc-x")]).map((device, index) => {
        const skewMs = (index - 6) * 1000 * hourMs;
        const findings = [found("acc-x", { onsetMs: nowMs + skewMs - 5 * hourMs })];
        return { ...device, atMs: nowMs + skewMs, drift: says(findings) };
      }),
      nowMs,
    );
    expect(drift.together[0]?.onset).toEqual({
      fromMs: nowMs - 5 * hourMs,
      toMs: nowMs - 5 * hourMs,
    });
  });
});

describe("alone", () => {
  it("[HB101] one person who changes is alone, also beside a group, and one of thirty on a gateway is", () => {
    const devices = fleet(40, (index, cohort) =>
      cohort === 1
        ? [found("acc-y")]
        : index === 7 + 1
          ? [found("acc-z", { direction: "down" })]
          : [],
    );
    const gateways = Array.from({ length: 8 }, (_, index) =>
      of(100 + index, "ward", says([found("gyro-x")], { users: 30, driftedUsers: 1 })),
    );
    const drift = fleetDrift([...devices, ...gateways], nowMs);
    expect(drift.together.map(({ cohort }) => cohort)).toEqual(["c1"]);
    expect(drift.alone.map(({ device }) => device)).toEqual([
      "dev-00008",
      ...gateways.map(({ device }) => device),
    ]);
    expect(drift.alone[1]).toMatchObject({ users: 30, driftedUsers: 1, alikeCount: 7 });
  });

  it("[HB101] too few to say are alone, with how many are alike; the ones whose answers suffer come first", () => {
    const worse: DriftReport["performance"] = {
      errorRate: 0.3,
      low: 0.2,
      high: 0.4,
      referenceErrorRate: 0.1,
      count: 300,
      verdict: "worse",
    };
    const drift = fleetDrift(
      [
        of(1, "a", says([found("acc-x", { evidence: 1e9 })])),
        of(2, "a", says([found("acc-x")], { performance: worse })),
        ...Array.from({ length: 30 }, (_, index) => of(10 + index, "a", says([]))),
      ],
      nowMs,
    );
    expect(drift.together).toEqual([]);
    expect(
      drift.alone.map(({ device, alikeCount, performance }) => [device, alikeCount, performance]),
    ).toEqual([
      ["dev-00002", 1, "worse"],
      ["dev-00001", 1, null],
    ]);
  });
});

describe("nothing", () => {
  it("[HB102] of fleets in which each drifts by itself as often as may be, at most the stated share has a group", () => {
    const channels = ["acc-x", "acc-y", "acc-z"];
    let falseGroups = 0;
    const looks = 300;
    for (let look = 0; look < looks; look++) {
      const random = createSeededRandom(`null ${look}`);
      const draw = (): number => random.nextUint32() / 2 ** 32;
      const drift = fleetDrift(
        fleet(80, () =>
          channels.flatMap((name) =>
            draw() < DRIFT_ALONE_SHARE
              ? [
                  found(name, {
                    direction: draw() < 0.5 ? "up" : "down",
                    onsetMs: nowMs - draw() * 40 * hourMs,
                  }),
                ]
              : [],
          ),
        ),
        nowMs,
      );
      falseGroups += drift.together.length;
      expect(drift.counts.together + drift.counts.alone).toBe(drift.counts.drifted);
    }
    expect(falseGroups).toBeLessThanOrEqual(Math.ceil(DRIFT_FALSE_SHARE * looks));
  });

  it("[HB102] the evidence has a mean of at most 1 where each drifts by itself", () => {
    const watched = 20;
    let mean = 0;
    let ways = 1;
    for (let drifted = 0; drifted <= watched; drifted++) {
      const share = DRIFT_ALONE_SHARE ** drifted * (1 - DRIFT_ALONE_SHARE) ** (watched - drifted);
      mean += ways * share * togetherEvidence(drifted, watched, DRIFT_ALONE_SHARE);
      ways = (ways * (watched - drifted)) / (drifted + 1);
    }
    expect(mean).toBeCloseTo(1, 9);
    expect(() => togetherEvidence(3, 2, DRIFT_ALONE_SHARE)).toThrowError("3 of 2 devices");
  });

  it("[HB102] nobody heard, everybody learning and everybody well have a verdict and a reason each", () => {
    expect(fleetDrift([], nowMs)).toMatchObject({
      verdict: "learning",
      why: "no device has said anything of drift yet",
    });
    const learning = says([], { verdict: "learning", learningUsers: 1 });
    expect(fleetDrift([of(1, "a", learning)], nowMs)).toMatchObject({
      verdict: "learning",
      why: "1 device: all still learn what is normal for their people",
    });
    expect(fleetDrift([of(1, "a", says([])), of(2, "a", learning)], nowMs)).toMatchObject({
      verdict: "pass",
      why: "nothing drifts on 2 devices, 1 still learn",
    });
    const silent = { receivedAtMs: nowMs - DRIFT_SILENT_MS - 1 };
    expect(fleetDrift([of(1, "a", says([found("x")]), silent)], nowMs).counts.reporting).toBe(0);
  });
});

describe("size", () => {
  it("[HB103] the answer for 10,000 devices is no larger than for 100, whatever they say, and counts what it leaves out", () => {
    const many = (count: number) =>
      fleetDrift(
        Array.from({ length: count }, (_, index) =>
          of(
            index,
            `cohort-${index % 12}`,
            says(
              index % 2 === 0
                ? Array.from({ length: 8 }, (__, at) => found(`c${index % 12}-${at}`))
                : [found(`own-${index}`)],
            ),
          ),
        ),
        nowMs,
      );
    const large = many(10_000);
    expect(large.together.length).toBeLessThanOrEqual(DRIFT_GROUPS_MAX);
    expect(large.alone).toHaveLength(DRIFT_ALONE_SHOWN_MAX);
    expect(large.unnamedAlone).toBe(5000 - DRIFT_ALONE_SHOWN_MAX);
    expect(large.counts).toMatchObject({ drifted: 10_000, together: 5000, alone: 5000 });
    expect(JSON.stringify(large).length).toBeLessThan(
      1.1 * JSON.stringify(many(100)).length + 2000,
    );
    expect(JSON.stringify(large).length).toBeLessThan(64_000);
  });

  it("[HB103] twice the devices, in twice the groups, cost twice the looks: names that devices choose do not square them", () => {
    const looksAt = (count: number): number => {
      let looks = 0;
      const devices = Array.from({ length: count }, (_, index) => {
        const group = Math.floor(index / 5);
        const findings = [0, 1, 2, 3, 4, 5, 6, 7].map((place) => found(`${group}.${place}`));
        return {
          ...of(index, "", says(findings, { series: 1 })),
          get cohort() {
            looks++;
            return `c${group}`;
          },
        };
      });
      const { counts } = fleetDrift(devices, nowMs);
      expect(counts).toMatchObject({ together: count, alone: 0 });
      return looks;
    };
    expect(looksAt(2000) / looksAt(1000)).toBeLessThan(2.1);
  });

  it("[HB103] one device that lies about its series, its clock or its findings changes nothing for the others", () => {
    const honest = fleet(40, (_, cohort) => (cohort === 2 ? [found("acc-x")] : []));
    const liar = of(
      999,
      "c0",
      says(
        Array.from({ length: 8 }, () => found("acc-x", { evidence: 1e12, users: 1 })),
        { series: Number.MAX_SAFE_INTEGER, users: Number.MAX_SAFE_INTEGER, driftedUsers: 1 },
      ),
      { atMs: 0 },
    );
    const drift = fleetDrift([...honest, liar], nowMs);
    expect(drift.together).toHaveLength(1);
    expect(drift.together[0]).toMatchObject({ cohort: "c2", deviceCount: 10 });
    expect(drift.alone.map(({ device }) => device)).toEqual([liar.device]);
  });
});
