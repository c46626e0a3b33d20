// Laws of every classic detector: it goes on from its state, bears any number, and never grows.
import { Defect, decodeCbor, encodeCbor, unwrap } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { createAdwin } from "./adwin.ts";
import { createCusum } from "./cusum.ts";
import { createDdm } from "./ddm.ts";
import type { DriftDetector, DriftDetectorState } from "./driftDetector.ts";
import { createEddm } from "./eddm.ts";
import { createHddmA } from "./hddmA.ts";
import { createHddmW } from "./hddmW.ts";
import { createKswin } from "./kswin.ts";
import { createPageHinkley } from "./pageHinkley.ts";

type Create = (state?: DriftDetectorState<never>) => DriftDetector<unknown>;

const rules: readonly (readonly [name: string, create: Create])[] = [
  ["adwin", (state) => createAdwin({}, state)],
  ["adwin, window kept", (state) => createAdwin({ variant: "scikit-multiflow" }, state)],
  ["ddm", (state) => createDdm({}, state)],
  ["eddm", (state) => createEddm({}, state)],
  ["hddmA", (state) => createHddmA({ isTwoSided: true }, state)],
  ["hddmW", (state) => createHddmW({ isTwoSided: true }, state)],
  ["pageHinkley", (state) => createPageHinkley({ driftSum: 5 }, state)],
  ["cusum", (state) => createCusum({ target: 0.2, slack: 0.1, driftSum: 4 }, state)],
  [
    "kswin",
    (state) => createKswin(createSeededRandom(1), { windowLength: 40, newestCount: 15 }, state),
  ],
];

const anyNumber = fc.oneof(
  fc.double(),
  fc.constantFrom(0, 1, -0, 5e-324, 1e100, 1e308, Number.NaN, Number.POSITIVE_INFINITY),
);
const stream = fc.array(
  fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true })),
  {
    minLength: 100,
    maxLength: 400,
  },
);

it.each(rules)(
  "[LC81] %s stopped anywhere goes on from its bytes as if it had not been",
  (_, create) => {
    fc.assert(
      fc.property(stream, fc.nat(400), (values, cut) => {
        const whole = create();
        let parts = create();
        values.forEach((value, index) => {
          if (index === cut) {
            const bytes = encodeCbor(parts.state());
            parts = create(unwrap(decodeCbor(bytes)) as DriftDetectorState<never>);
          }
          expect(parts.observe(value)).toBe(whole.observe(value));
        });
        expect(parts.state()).toEqual(whole.state());
      }),
      { numRuns: 30 },
    );
  },
);

it.each(rules)(
  "[LC82] %s bears any number: it counts what it cannot use and stays the same",
  (_, create) => {
    fc.assert(
      fc.property(fc.array(anyNumber, { maxLength: 200 }), (values) => {
        const detector = create();
        for (const value of values) {
          const before = detector.state();
          const level = detector.observe(value);
          const after = detector.state();
          const wasSkipped = after.skippedCount > before.skippedCount;
          expect(after.sampleCount - before.sampleCount).toBe(wasSkipped ? 0 : 1);
          expect(wasSkipped && level !== "normal").toBe(false);
          expect(wasSkipped ? after.memory : before.memory).toEqual(before.memory);
        }
        // A state without NaN can be gone on from.
        expect(() => create(detector.state() as DriftDetectorState<never>)).not.toThrow();
      }),
      { numRuns: 50 },
    );
  },
);

it.each(rules)(
  "[LC82] %s keeps the size of its state, and says nothing of a constant stream",
  (_, create) => {
    const detector = create();
    const size = encodeCbor(detector.state()).length;
    let driftCount = 0;
    for (let index = 0; index < 20_000; index++)
      if (detector.observe(0.2) === "drift") driftCount++;
    expect(driftCount).toBe(0);
    // Counters and unset numbers are written in fewer bytes than what they become.
    expect(encodeCbor(detector.state()).length).toBeLessThan(size + 200);
  },
);

it.each(rules)("[LC81] %s refuses the state of another rule, version or size", (_, create) => {
  const state = create().state() as DriftDetectorState<never>;
  for (const wrong of [
    { ...state, version: 2 },
    { ...state, kind: "other" },
    { ...state, memory: {} },
  ]) {
    expect(() => create(wrong as unknown as DriftDetectorState<never>)).toThrow(Defect);
  }
});

it("[LC81] ADWIN's window keeps the newest when a stream is longer than it can count", () => {
  const detector = createAdwin();
  for (let index = 0; index < 100_000; index++) detector.observe(index % 2);
  const { width, rowCount } = detector.state().memory;
  expect(width).toBe(100_000);
  expect(rowCount).toBeLessThan(18);
});

it("[LC83] CUSUM dates the onset of what it finds", () => {
  const detector = createCusum({ target: 0, slack: 0.5, driftSum: 8 });
  for (let index = 0; index < 50; index++) detector.observe(index % 2 === 0 ? 0.4 : -0.4);
  let length = 1;
  while (detector.observe(1.5) !== "drift") length++;
  expect(detector.state().memory.lastDriftLength).toBe(length);
});

it("[LC83] KSWIN sees a changed spread that leaves the mean alone", () => {
  const random = createSeededRandom("spread");
  const detector = createKswin(random, { alpha: 1e-4, windowLength: 400, newestCount: 100 });
  const draw = (): number => random.nextUint32() / 2 ** 32 - 0.5;
  for (let index = 0; index < 500; index++) expect(detector.observe(draw())).toBe("normal");
  let delay = 1;
  while (detector.observe(10 * draw()) !== "drift") delay++;
  expect(delay).toBeLessThan(100);
});

it.each(rules)("[LC82] %s takes no state that counts what cannot be", (_, create) => {
  const detector = create();
  for (let index = 0; index < 300; index++) detector.observe(index % 3 === 0 ? 1 : 0);
  const state = detector.state() as DriftDetectorState<Record<string, unknown>>;
  for (const bad of [{ sampleCount: Number.NaN }, { driftCount: "x" }, { skippedCount: -1 }]) {
    expect(() => create({ ...state, ...bad } as unknown as DriftDetectorState<never>)).toThrow(
      Defect,
    );
  }
});

it("[LC82] places and buckets from outside are ones that a window can have", () => {
  const damaged = (state: unknown, bad: Record<string, unknown>): DriftDetectorState<never> => {
    const whole = state as DriftDetectorState<Record<string, unknown>>;
    return {
      ...whole,
      memory: { ...whole.memory, ...bad },
    } as unknown as DriftDetectorState<never>;
  };
  const kswin = (state?: DriftDetectorState<never>) =>
    createKswin(createSeededRandom(1), { windowLength: 40, newestCount: 15 }, state);
  for (const bad of [{ oldest: 0.5 }, { oldest: 40 }, { count: 41 }, { seed: -1 }]) {
    expect(() => kswin(damaged(kswin().state(), bad))).toThrow(Defect);
  }
  const adwin = createAdwin();
  for (let index = 0; index < 100; index++) adwin.observe(index % 2);
  for (const bad of [{ rowCount: 1e9 }, { rowCount: 1 }, { width: 7 }, { count: -1 }]) {
    expect(() => createAdwin({}, damaged(adwin.state(), bad))).toThrow(Defect);
  }
});
