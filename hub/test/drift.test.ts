// Thirty simulated people wear thirty devices: a firmware changes one cohort's sensor, one person changes, and the hub says which is which.
// Monitors, reports, wire and hub are the shipped ones.
import {
  createUserDrift,
  defaultMonitorPolicy,
  driftReportOf,
  type FeatureLayout,
  fitFeatureReference,
} from "@attune/device-runtime/monitor";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { type DriftReport, type EpochMs, unwrap } from "@attune/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runAttune as runProgram } from "../src/cli/program.ts";
import type { DriftAlone, DriftGroup, FleetDrift } from "../src/state.ts";
import type { TestDevice } from "./testDevice.ts";
import { startTestHub, type TestHub } from "./testHub.ts";

const axes = ["acc-x", "acc-y", "acc-z"];
const classCount = 2;
const windowSamples = 32;
const hopMs = 1280;
const nowMs = 20_000 * 3_600_000;

const layout: FeatureLayout = {
  featureCount: 6,
  series: axes.map((name, axis) => ({ name, features: [axis, 3 + axis], isChannel: true })),
  logFeatures: [3, 4, 5],
  axes: [[0, 1, 2]],
  logFloor: 1e-3,
};

/** What happens to a raw window. */
type Change = (window: Float64Array[], label: number) => void;

/** A person in bouts of sitting (0) and walking (1); gravity lies on the axes as the person wears the device. */
function* windowsOf(name: string): Generator<{ window: Float64Array[]; label: number }> {
  const random = createSeededRandom(name);
  const normal = (): number => {
    const [u, v] = [random.nextUint32() / 2 ** 32, random.nextUint32() / 2 ** 32];
    return Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v);
  };
  const gravity = Array.from({ length: classCount }, () =>
    axes.map((_, axis) => 0.4 + 0.2 * axis + 0.1 * normal()),
  );
  const swing = axes.map(() => Math.exp(0.2 * normal()));
  for (let bout = 0; ; bout++) {
    const label = bout % classCount;
    const posture = axes.map(() => 0.01 * normal());
    for (let step = 0; step < 12; step++) {
      const size = (label === 0 ? 0.02 : 0.3) * Math.exp(0.1 * normal());
      const window = axes.map((_, axis) =>
        Float64Array.from(
          { length: windowSamples },
          () =>
            (gravity[label]?.[axis] as number) +
            (posture[axis] as number) +
            size * (swing[axis] as number) * normal(),
        ),
      );
      yield { window, label };
    }
  }
}

function featuresOf(window: readonly Float64Array[]): number[] {
  const means = window.map((axis) => axis.reduce((sum, value) => sum + value, 0) / windowSamples);
  const deviations = window.map((axis, index) =>
    Math.sqrt(
      axis.reduce((sum, value) => sum + (value - (means[index] as number)) ** 2, 0) / windowSamples,
    ),
  );
  return [...means, ...deviations];
}

const known = Array.from({ length: 15 }, (_, person) => {
  const stream = windowsOf(`known ${person}`);
  const windows = Array.from({ length: 300 }, () => stream.next().value);
  return {
    features: windows.flatMap(({ window }) => featuresOf(window)),
    predictedClasses: windows.map(({ label }) => label),
  };
});
const reference = {
  features: unwrap(fitFeatureReference(known, { layout, classCount })),
  errors: { threshold: 0.6, errorRate: 0.1, confidence: 0.85 },
};

/** What a device says after so many windows, the last of them now; `change` began with the last 80. */
function live(name: string, change: Change | null): DriftReport {
  const drift = createUserDrift(reference, defaultMonitorPolicy);
  const stream = windowsOf(name);
  const count = 500;
  for (let step = 0; step < count; step++) {
    const { window, label } = stream.next().value;
    const isChanged = change !== null && step >= count - 80;
    if (isChanged) change(window, label);
    const confidence = isChanged ? 0.6 : 0.85;
    drift.observe(featuresOf(window), label, confidence, nowMs - (count - step) * hopMs);
  }
  return driftReportOf([
    {
      drift: drift.report(),
      outliers: { recentRate: 0.05, referenceRate: 0.1 },
      outlierCount: 0,
      data: {
        quarantined: 0,
        problems: {
          "input.value_missing": 0,
          "input.not_finite": 0,
          "input.value_outside": 0,
          "input.channel_saturated": 0,
          "input.channel_stuck": 0,
          "input.window_duplicated": 0,
          "input.sampling_gap": 0,
        },
      },
      rules: [],
    },
  ]);
}

/** The new firmware reads one axis half as large again. */
const gain: Change = (window) => {
  window[1]?.forEach((value, sample, axis) => {
    axis[sample] = 1.5 * value;
  });
};
/** This person favours a leg now. */
const limp: Change = (window) => {
  window[2]?.forEach((value, sample, axis) => {
    axis[sample] = 0.25 * value - 0.2;
  });
};

type Drift = FleetDrift & { readonly line: string; readonly cohort: string | null };

let testHub: TestHub;
const devices: TestDevice[] = [];
const cohortOf = (index: number): string => (index % 3 === 0 ? "firmware-2" : "firmware-1");

async function report(changeOf: (index: number) => Change | null): Promise<void> {
  for (const [index, device] of devices.entries()) {
    await device.sendReport([], {
      atMs: nowMs as EpochMs,
      drift: live(`person ${index}`, changeOf(index)),
    });
  }
  await testHub.hub.idle();
}

const ask = async (query = ""): Promise<Drift> => {
  const { items } = await testHub.ask<{ items: Drift[] }>("GET", `/api/drift${query}`);
  return items[0] as Drift;
};

async function command(...words: string[]): Promise<string> {
  let out = "";
  const exitCode = await runProgram(
    [...words, "--hub", testHub.addresses.httpUrl ?? "", "--token", testHub.adminToken],
    {
      out: (text) => {
        out += text;
      },
      err: () => {},
      ask: () => Promise.resolve(""),
      isInteractive: false,
      isOutTty: false,
      isErrTty: false,
      columns: 200,
      environment: {},
    },
    Date.now,
  );
  expect(exitCode).toBe(0);
  return out;
}

beforeAll(async () => {
  testHub = await startTestHub({ http: { port: 0 } });
  await testHub.found();
  for (let index = 0; index < 30; index++) {
    devices.push(await testHub.enrol(`wrist-${String(index).padStart(2, "0")}`, cohortOf(index)));
  }
}, 60_000);
afterAll(() => testHub.close());

describe("a fleet of simulated people", () => {
  it("[HB102] that has nothing in common has no group", async () => {
    expect(await ask()).toMatchObject({ verdict: "learning", counts: { reporting: 0 } });
    await report(() => null);
    const drift = await ask();
    expect(drift.together).toEqual([]);
    expect(drift.counts).toMatchObject({ reporting: 30, learning: 0, alone: 0 });
    expect(drift).toMatchObject({ verdict: "pass", why: "nothing drifts on 30 devices" });
  });

  it("[HB100] [HB101] a firmware's gain is named with its cohort and channel, the one person who changed is alone", async () => {
    await report((index) => (cohortOf(index) === "firmware-2" ? gain : index === 7 ? limp : null));
    const drift = await ask();
    expect(drift.together).toHaveLength(1);
    const [group] = drift.together as [DriftGroup];
    expect(group).toMatchObject({ cohort: "firmware-2", watchedCount: 10 });
    expect(group.deviceCount).toBeGreaterThanOrEqual(9);
    expect(group.findings.map(({ name }) => name)).toContain("acc-y");
    expect(group.findings.find(({ name }) => name === "acc-y")?.direction).toBe("up");
    expect(group.evidence).toBeGreaterThan(group.limit);
    expect(
      drift.alone.filter(({ cohort }) => cohort === "firmware-1").map(({ device }) => device),
    ).toEqual(["wrist-07"]);
    const [alone] = drift.alone as [DriftAlone];
    expect(alone.findings.map(({ name }) => name)).toContain("acc-z");
    expect(drift.verdict).toBe("fail");
    // One cohort alone: the same devices, told of the line.
    expect((await ask("?cohort=firmware-2")).together[0]).toMatchObject({
      cohort: null,
      watchedCount: 10,
    });
    expect((await ask("?cohort=firmware-1")).together).toEqual([]);
  });

  it("[HB104] API, state and command line tell the same, drifted first", async () => {
    const drift = await ask();
    const twin = JSON.parse(await command("-o", "json", "drift")) as { items: Drift[] };
    expect(twin.items[0]).toEqual(drift);
    const lines = (await command("drift")).split("\n");
    expect(lines[1]).toMatch(/^verdict {3}FAIL: \d+ of 30 devices drift/);
    expect(lines[2]).toMatch(/^together {2}\d+ of 10 in cohort firmware-2: .*acc-y up by/);
    expect(lines.some((text) => /^alone +wrist-07: .*acc-z/.test(text))).toBe(true);
    expect(await command("drift", "wrist-07")).toMatch(/verdict +FAIL: 1 of 1 users drift/);
    const { line: _, cohort: __, ...told } = drift;
    expect(JSON.parse(JSON.stringify(testHub.line().drift))).toEqual(told);
  });

  it("[HB104] what a device said is kept when it was something else than before, in a bounded number", async () => {
    const wrist = devices[7] as TestDevice;
    const bad = live("person 7", limp);
    const good = live("person 7", null);
    for (let turn = 0; turn < 45; turn++) {
      // Twice each: the second says nothing new.
      for (let again = 0; again < 2; again++) {
        await wrist.sendReport([], { atMs: nowMs as EpochMs, drift: turn % 2 === 0 ? good : bad });
      }
    }
    await testHub.hub.idle();
    type Told = { drift: DriftReport; history: { drift: DriftReport; reportSequence: number }[] };
    const told = await testHub.ask<Told>("GET", "/api/devices/wrist-07/drift");
    expect(told.drift).toEqual(JSON.parse(JSON.stringify(good)));
    expect(told.history).toHaveLength(32);
    expect(told.history.map(({ drift }) => drift.verdict).slice(0, 4)).toEqual([
      "pass",
      "fail",
      "pass",
      "fail",
    ]);
    await testHub.restart();
    expect(await testHub.ask("GET", "/api/devices/wrist-07/drift")).toEqual(told);
    expect((await ask()).counts.reporting).toBe(30);
  });

  it("[HB91] [HB103] what does not exist is refused; a device in quarantine is no evidence", async () => {
    const codeOf = async (path: string): Promise<unknown> =>
      ((await (await testHub.askRaw("GET", path)).json()) as { code: string }).code;
    expect(await codeOf("/api/drift?line=none")).toBe("operator.request_invalid");
    expect(await codeOf("/api/drift?cohort=none")).toBe("operator.cohort_unknown");
    expect(await codeOf("/api/devices/nobody/drift")).toBe("device.unknown");
    await testHub.ask("POST", "/api/devices/wrist-00/quarantine", { reason: "test" });
    const drift = await ask();
    expect(drift.counts.reporting).toBe(29);
    expect(drift.together.flatMap(({ devices: shown }) => shown)).not.toContain("wrist-00");
  });
});
