// What the signals look like: gravity, spectra, mirror image, changes.
import { describe, expect, it } from "vitest";
import { type Activity, labelOf } from "./activity.ts";
import type { ChangeKind } from "./change.ts";
import { type LabelledWindow, SAMPLE_RATE_HZ, WINDOW_SAMPLES } from "./inertialWindow.ts";
import { createPerson, type Person } from "./person.ts";
import type { WearingPosition } from "./wearing.ts";

const ids = ["anna", "bert", "carl", "dora", "emil"];
const CHANGE_MS = 1_800_000;

function personOf(id: string, position: WearingPosition, kind?: ChangeKind): Person {
  const changes = kind === undefined ? [] : [{ kind, fromMs: CHANGE_MS, riseMs: 0, severity: 1 }];
  return createPerson({ seed: 5, id, position, changes });
}

const streams = new Map<string, readonly LabelledWindow[]>();

/** An hour of a person, window after window without overlap; computed once. */
function streamOf(person: Person, fromMs: number): readonly LabelledWindow[] {
  const key = JSON.stringify([person.id, person.position, person.changes, fromMs]);
  const known = streams.get(key) ?? person.record(1500, fromMs, 2560);
  streams.set(key, known);
  return known;
}

/** Windows of one activity from `fromMs` on, cut into runs without a gap. */
function runsOf(person: Person, activity: Activity, fromMs: number): Float32Array[][] {
  const runs: Float32Array[][] = [];
  let before = Number.NaN;
  for (const { startMs, label, samples } of streamOf(person, fromMs)) {
    if (label !== labelOf(activity)) continue;
    if (startMs - before !== 2560) runs.push([]);
    runs.at(-1)?.push(samples);
    before = startMs;
  }
  return runs.filter((run) => run.length >= 8);
}

const samplesOf = (run: readonly Float32Array[], channel: number): number[] =>
  run.flatMap((window) => [
    ...window.subarray(channel * WINDOW_SAMPLES, (channel + 1) * WINDOW_SAMPLES),
  ]);

function lengthsOf(run: readonly Float32Array[]): number[] {
  const [x, y, z] = [0, 1, 2].map((channel) => samplesOf(run, channel));
  return (x ?? []).map((value, index) => Math.hypot(value, y?.[index] ?? 0, z?.[index] ?? 0));
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: readonly number[]): number => {
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
};
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;

/** Amplitude of one frequency, with a Hann window so that neighbours do not leak. */
function amplitudeAt(values: readonly number[], hz: number): number {
  const middle = mean(values);
  let real = 0;
  let imaginary = 0;
  values.forEach((value, index) => {
    const weight = 1 - Math.cos((2 * Math.PI * index) / values.length);
    const angle = (2 * Math.PI * hz * index) / SAMPLE_RATE_HZ;
    real += weight * (value - middle) * Math.cos(angle);
    imaginary += weight * (value - middle) * Math.sin(angle);
  });
  return Math.hypot(real, imaginary) / values.length;
}

/** The loudest frequency between 1 and 3.2 Hz, where steps are. */
function peakHz(values: readonly number[]): number {
  let best = { hz: 0, amplitude: -1 };
  for (let hz = 1; hz <= 3.2; hz += 0.04) {
    const amplitude = amplitudeAt(values, hz);
    if (amplitude > best.amplitude) best = { hz, amplitude };
  }
  return best.hz;
}

const stepRate = (person: Person, activity: Activity, fromMs = 0): number =>
  median(
    runsOf(person, activity, fromMs)
      .slice(0, 5)
      .map((run) => peakHz(lengthsOf(run.slice(0, 8)))),
  );

describe("gravity", () => {
  it.each(["sitting", "standing", "lying"] as const)("[PE3] is 1 g while %s", (activity) => {
    for (const id of ids) {
      const lengths = lengthsOf(runsOf(personOf(id, "rightWrist"), activity, 0).flat());
      // Three standard deviations of a bias of 0.015 g on the axis that points up.
      expect(Math.abs(mean(lengths) - 1)).toBeLessThan(0.045);
      expect(deviation(lengths)).toBeLessThan(0.06);
    }
  });

  it("[PE3] is what remains of walking, with peaks on top and inside the sensor's limits", () => {
    for (const id of ids) {
      const person = personOf(id, "pocket");
      const windows = runsOf(person, "walking", 0).flat();
      const lengths = lengthsOf(windows);
      expect(mean(lengths)).toBeGreaterThan(0.95);
      expect(mean(lengths)).toBeLessThan(1.3);
      expect(Math.max(...lengths)).toBeGreaterThan(1.5);
      for (const window of windows) {
        expect(Math.max(...window.subarray(0, 384).map(Math.abs))).toBeLessThanOrEqual(8);
        expect(Math.max(...window.subarray(384).map(Math.abs))).toBeLessThanOrEqual(34.91);
      }
    }
  });
});

describe("steps", () => {
  it("[PE4] put the spectral peak at the person's own step rate", () => {
    for (const id of ids) {
      const person = personOf(id, "rightWrist");
      const { cadenceHz, gaits } = person.traits;
      const expected = cadenceHz * gaits.walking.form.cadenceRatio;
      // A bout's pace has a deviation of 5 %.
      expect(Math.abs(stepRate(person, "walking") / expected - 1)).toBeLessThan(0.1);
    }
  });

  it("[PE4] are slower upstairs and faster downstairs", () => {
    const over = (activity: Activity): number =>
      mean(ids.map((id) => stepRate(personOf(id, "rightWrist"), activity)));
    const level = over("walking");
    expect(over("upstairs")).toBeLessThan(0.93 * level);
    expect(over("downstairs")).toBeGreaterThan(1.02 * level);
  });
});

describe("positions", () => {
  it("[PE5] a hanging arm reads -1 g on x on the right wrist and +1 g on the left", () => {
    for (const id of ids) {
      const read = (position: WearingPosition): number =>
        median(
          runsOf(personOf(id, position), "standing", 0)
            .flat()
            .map((window) => mean([...window.subarray(0, WINDOW_SAMPLES)])),
        );
      expect(read("rightWrist")).toBeLessThan(-0.6);
      expect(read("leftWrist")).toBeGreaterThan(0.6);
    }
  });

  it("[PE5] on either wrist the same person walks", () => {
    const right = stepRate(personOf("anna", "rightWrist"), "walking");
    expect(stepRate(personOf("anna", "leftWrist"), "walking")).toBeCloseTo(right, 1);
  });
});

describe("changes", () => {
  it.each(["injury", "strapTurned", "winterClothing"] as const)(
    "[PE6] %s does nothing before it begins, and something after",
    (kind) => {
      const plain = personOf("anna", "rightWrist").record(200, 0, 60_000);
      const changed = personOf("anna", "rightWrist", kind).record(200, 0, 60_000);
      const before = plain.filter(({ endMs }) => endMs < CHANGE_MS);
      expect(before.length).toBeGreaterThan(10);
      expect(changed.slice(0, before.length)).toEqual(before);
      const differing = changed.filter(
        (window, index) =>
          !Buffer.from(window.samples.buffer).equals(
            Buffer.from(plain[index]?.samples.buffer ?? new ArrayBuffer(0)),
          ),
      );
      expect(differing.length).toBeGreaterThan(0);
      expect(differing.every(({ startMs }) => startMs >= CHANGE_MS)).toBe(true);
    },
  );

  it("[PE6] an injury slows steps and puts energy at half their rate", () => {
    const [well, hurt] = [undefined, "injury" as const].map((kind) => {
      const people = ids.map((id) => personOf(id, "pocket", kind));
      const limps = people.map((person) => {
        const runs = runsOf(person, "walking", CHANGE_MS).slice(0, 5);
        const ratios = runs.map((run) => {
          const lengths = lengthsOf(run.slice(0, 8));
          const own = peakHz(lengths);
          return amplitudeAt(lengths, own / 2) / amplitudeAt(lengths, own);
        });
        return median(ratios);
      });
      return {
        hz: people.map((person) => stepRate(person, "walking", CHANGE_MS)),
        limp: mean(limps),
      };
    });
    ids.forEach((_, index) => {
      expect(hurt?.hz[index]).toBeLessThan(0.85 * (well?.hz[index] ?? 0));
    });
    expect(hurt?.limp).toBeGreaterThan(1.5 * (well?.limp ?? 0));
  });

  it("[PE6] a turned strap turns the vector and keeps its length", () => {
    const [plain, turned] = [undefined, "strapTurned" as const].map((kind) =>
      runsOf(personOf("anna", "rightWrist", kind), "sitting", CHANGE_MS).flat(),
    );
    const axisMean = (windows: readonly Float32Array[] | undefined, channel: number): number =>
      mean(samplesOf(windows ?? [], channel));
    expect(mean(lengthsOf(turned ?? []))).toBeCloseTo(mean(lengthsOf(plain ?? [])), 1);
    expect(Math.abs(axisMean(turned, 2) - axisMean(plain, 2))).toBeGreaterThan(0.3);
    expect(axisMean(turned, 0)).toBeCloseTo(axisMean(plain, 0), 1);
  });

  it("[PE6] winter clothing damps steps", () => {
    const [plain, dressed] = [undefined, "winterClothing" as const].map((kind) =>
      deviation(
        lengthsOf(runsOf(personOf("anna", "rightWrist", kind), "walking", CHANGE_MS).flat()),
      ),
    );
    expect(dressed).toBeLessThan(0.8 * (plain ?? 0));
  });
});
