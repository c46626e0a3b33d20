import { Defect, unwrap } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { type ClassShift, createClassShift, defaultClassShiftPolicy } from "./classShift.ts";
import { labelShares } from "./labelShares.ts";

const settings = { ...defaultClassShiftPolicy, shares: [0.25, 0.25, 0.25, 0.25] };

/** Bouts of windows of one class, drawn by `shares`; of twelve each, or of random lengths around a mean. */
function* bouts(shares: readonly number[], seed: string, meanWindows?: number): Generator<number> {
  const random = createSeededRandom(seed);
  for (;;) {
    let left = random.nextUint32() / 2 ** 32;
    let label = 0;
    while (label < shares.length - 1 && left >= (shares[label] as number)) {
      left -= shares[label] as number;
      label++;
    }
    const uniform = (): number => (random.nextUint32() + 0.5) / 2 ** 32;
    const length = meanWindows === undefined ? 12 : -meanWindows * Math.log(uniform());
    for (let step = 0; step < length; step++) yield label;
  }
}

function feed(shift: ClassShift, labels: Generator<number>, windows: number): number {
  let alarmCount = 0;
  for (let step = 0; step < windows; step++) {
    if (shift.observe(labels.next().value as number) !== null) alarmCount++;
  }
  return alarmCount;
}

it("[LC93] a person who comes in bouts, with shares unlike everybody's, is no alarm", () => {
  let alarmCount = 0;
  for (let person = 0; person < 20; person++) {
    const shift = createClassShift(settings);
    alarmCount += feed(shift, bouts([0.5, 0.3, 0.2, 0], `own ${person}`), 64 * 150);
  }
  // 20 people of 126 watched blocks each, at 200 blocks an alarm or more: 12.6 at most.
  expect(alarmCount).toBeLessThanOrEqual(12);
});

it("[LC93] the run length holds for bouts of random lengths that blocks are longer than, and not for bouts of minutes", () => {
  const shares = [0.3, 0.25, 0.15, 0.15, 0.1, 0.05];
  const alarmsAt = (meanWindows: number): number => {
    let alarmCount = 0;
    for (let person = 0; person < 20; person++) {
      const shift = createClassShift({ ...settings, shares });
      alarmCount += feed(shift, bouts(shares, `person ${person}`, meanWindows), 64 * 324);
    }
    return alarmCount;
  };
  // 20 people of 300 watched blocks each, at 200 blocks an alarm: 30 at most.
  expect(alarmsAt(50)).toBeLessThanOrEqual(30);
  expect(alarmsAt(333)).toBeGreaterThan(30);
});

it("[LC93] changed shares are noticed, the class that moved most is named first", () => {
  const shift = createClassShift(settings);
  expect(feed(shift, bouts([0.4, 0.3, 0.3, 0], "before"), 64 * 40)).toBe(0);
  const after = bouts([0.05, 0.05, 0.05, 0.85], "after");
  let blocks = 0;
  let alarm = null;
  while (alarm === null && blocks < 64 * 60) {
    alarm = shift.observe(after.next().value as number);
    blocks++;
  }
  expect(alarm?.classes[0]).toMatchObject({ label: 3 });
  expect(alarm?.classes[0]?.change).toBeGreaterThan(0.4);
  expect(alarm?.distance).toBeGreaterThan(0.4);
});

it("[LC93] a watch that is stopped anywhere goes on the same; what is no class is left aside", () => {
  const whole = createClassShift(settings);
  let parts = createClassShift(settings);
  const labels = bouts([0.1, 0.2, 0.3, 0.4], "resume");
  for (let step = 0; step < 3000; step++) {
    const label = step % 50 === 0 ? [Number.NaN, -1, 4, 1.5][(step / 50) % 4] : labels.next().value;
    if (step % 333 === 0) parts = createClassShift(settings, structuredClone(parts.state()));
    expect(parts.observe(label as number)).toEqual(whole.observe(label as number));
  }
  expect(parts.state()).toEqual(whole.state());
  expect(whole.state().skippedCount).toBe(60);
  expect(() => createClassShift({ ...settings, shares: [0.5, 0.6] })).toThrow(Defect);
  expect(() => createClassShift({ ...settings, shares: [0.5, 0.5] }, whole.state())).toThrow(
    Defect,
  );
});

it("[LC93] shares of true classes are found also where predictions hardly depend on them", () => {
  for (const [right, share] of [
    [0.51, 0.9],
    [0.52, 0.95],
    [0.53, 1],
    [0.501, 0.9],
  ] as const) {
    const hits = share * right + (1 - share) * (1 - right);
    const confusion = [
      [right, 1 - right],
      [1 - right, right],
    ];
    const found = unwrap(labelShares(confusion, [hits, 1 - hits]));
    expect(found[0]).toBeCloseTo(share, 2);
    expect((found[0] as number) + (found[1] as number)).toBeCloseTo(1, 9);
  }
});

it("[LC93] no other shares make the predictions likelier, whatever the confusion", () => {
  const count = fc.oneof(fc.constant(0), fc.nat(100));
  const cases = fc.integer({ min: 2, max: 5 }).chain((size) =>
    fc.record({
      confusion: fc.array(fc.array(count, { minLength: size, maxLength: size }), {
        minLength: size,
        maxLength: size,
      }),
      predicted: fc
        .array(count, { minLength: size, maxLength: size })
        .filter((counts) => counts.some((one) => one > 0)),
      other: fc.array(fc.integer({ min: 1, max: 100 }), { minLength: size, maxLength: size }),
    }),
  );
  fc.assert(
    fc.property(cases, ({ confusion, predicted, other }) => {
      const shares = unwrap(labelShares(confusion, predicted));
      expect(Math.min(...shares)).toBeGreaterThanOrEqual(0);
      const rates = confusion.map((row, truth) => {
        const sum = row.reduce((total, one) => total + one, 0);
        return row.map((one, label) => (sum > 0 ? one / sum : label === truth ? 1 : 0));
      });
      const otherSum = other.reduce((total, one) => total + one, 0);
      // What no class is ever predicted as says nothing about any.
      const told = predicted.map((_, label) => rates.some((row) => (row[label] as number) > 0));
      const total = predicted.reduce((sum, one, label) => sum + (told[label] ? one : 0), 0);
      const likelihood = (of: readonly number[]): number =>
        predicted.reduce((sum, one, label) => {
          if (one === 0 || !told[label]) return sum;
          const chance = of.reduce(
            (all, share, truth) => all + share * ((rates[truth] as number[])[label] as number),
            0,
          );
          return sum + (one / total) * Math.log(chance);
        }, 0);
      if (total === 0) return;
      const others = likelihood(other.map((one) => one / otherSum));
      expect(likelihood(shares)).toBeGreaterThanOrEqual(others - 1e-7);
    }),
  );
});

it("[LC93] shares of true classes are found behind a confused model", () => {
  const confusion = [
    [90, 10, 0],
    [5, 90, 5],
    [0, 20, 80],
  ];
  const truth = [0.2, 0.5, 0.3];
  const predicted = [0, 1, 2].map((label) =>
    truth.reduce(
      (sum, share, row) => sum + (share * ((confusion[row] as number[])[label] as number)) / 100,
      0,
    ),
  );
  const shares = unwrap(
    labelShares(
      confusion,
      predicted.map((share) => 1000 * share),
    ),
  );
  shares.forEach((share, label) => {
    expect(share).toBeCloseTo(truth[label] as number, 4);
  });
  // More of a class than any mixture explains: the nearest possible shares, none negative.
  expect(Math.min(...unwrap(labelShares(confusion, [0, 0, 10])))).toBeGreaterThanOrEqual(0);
  expect(labelShares([[1, 0]], [1, 2])).toMatchObject({ ok: false });
  expect(
    labelShares(
      [
        [1, 0],
        [0, Number.NaN],
      ],
      [1, 2],
    ),
  ).toMatchObject({ ok: false });
  expect(
    unwrap(
      labelShares(
        [
          [0, 0],
          [1, 9],
        ],
        [5, 5],
      ),
    )[0],
  ).toBeGreaterThan(0.3);
});
