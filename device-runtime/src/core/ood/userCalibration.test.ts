import { Defect } from "@attune/protocol";
import fc from "fast-check";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { gaussian } from "../../ports/random.ts";
import {
  binOf,
  checkPopulation,
  measurePopulation,
  type PopulationScores,
  placeInBin,
  populationBinsMax,
} from "./populationScores.ts";
import {
  createUserCalibration,
  defaultPersonalRule,
  type UserCalibration,
  type UserCalibrationState,
} from "./userCalibration.ts";

const alpha = 0.05;

/** Ten people whose scores are standard normal. */
function drawPopulation(seed: string, shiftOf: (person: number) => number = () => 0) {
  const random = createSeededRandom(seed);
  const persons = Int32Array.from({ length: 4000 }, (_, at) => at % 10);
  const scores = Float64Array.from(persons, (person) => gaussian(random) + shiftOf(person));
  return measurePopulation(scores, persons);
}

const population = drawPopulation("population");

function flaggedShare(user: UserCalibration, count: number, draw: () => number): number {
  let flagged = 0;
  for (let at = 0; at < count; at++) if (user.observe(draw()) <= alpha) flagged++;
  return flagged / count;
}

it("[LC37] shares fall from step to step, count people alike, and pass their check", () => {
  expect(checkPopulation(population)).toEqual({ ok: true, value: population });
  expect(population.personCount).toBe(10);
  expect(population.edges.length).toBeLessThanOrEqual(populationBinsMax);
  const at = binOf(population, 1.645);
  expect(placeInBin(population, at, population.edges[at] as number)).toBe(0);
  expect(placeInBin(population, at, 1.645)).toBeLessThan(1);
  expect(placeInBin(population, population.edges.length - 1, 1e9)).toBe(0);
  expect(population.shares[at]).toBeGreaterThan(0.03);
  expect(population.shares[at]).toBeLessThan(0.08);
  // One person with many windows does not outweigh another with few.
  const uneven = measurePopulation(
    Array.from({ length: 1000 }, (_, place) => (place < 990 ? 0 : 1)),
    Array.from({ length: 1000 }, (_, place) => (place < 990 ? 1 : 2)),
  );
  expect(uneven.shares[binOf(uneven, 1)]).toBeCloseTo(0.5, 12);
});

it("[LC37] a usual person is called an outlier about as often as was said, from the first window on", () => {
  const random = createSeededRandom("usual");
  const user = createUserCalibration(population, alpha);
  const share = flaggedShare(user, 4000, () => gaussian(random));
  expect(share).toBeGreaterThan(0.035);
  expect(share).toBeLessThan(0.06);
  expect(user.report().holds).toBe(true);
});

it("[LC37] an unusual person is normal after a while, and the population alone would go on flagging", () => {
  const random = createSeededRandom("unusual");
  const user = createUserCalibration(population, alpha);
  const early = flaggedShare(user, 12, () => gaussian(random) + 2);
  const late = flaggedShare(user, 2000, () => gaussian(random) + 2);
  expect(early).toBeGreaterThan(0.2);
  expect(late).toBeLessThan(0.08);
  const stubborn = createUserCalibration(population, alpha, {
    ...defaultPersonalRule,
    priorCount: 1e6,
  });
  expect(flaggedShare(stubborn, 2000, () => gaussian(random) + 2)).toBeGreaterThan(0.5);
  expect(stubborn.report()).toMatchObject({ holds: false });
});

/** Share of events that are found among normal windows, after the first thousand windows. */
function foundShare(user: UserCalibration, eventShare: number): number {
  const random = createSeededRandom("events");
  let events = 0;
  let found = 0;
  for (let at = 0; at < 4000; at++) {
    const isEvent = random.nextUint32() < eventShare * 2 ** 32;
    const isFound = user.observe(gaussian(random) + (isEvent ? 8 : 0)) <= alpha;
    if (at < 1000 || !isEvent) continue;
    events++;
    if (isFound) found++;
  }
  return found / events;
}

it("[LC37] events do not become normal by happening, until they are common", () => {
  const eager = createUserCalibration(population, alpha, { ...defaultPersonalRule, priorCount: 6 });
  const steady = { ...defaultPersonalRule, priorCount: 100 };
  expect(foundShare(eager, 0.08)).toBeLessThan(0.7);
  expect(foundShare(createUserCalibration(population, alpha, steady), 0.08)).toBeGreaterThan(0.8);
  expect(foundShare(createUserCalibration(population, alpha, steady), 0.3)).toBeLessThan(0.4);
});

it("[LC37] common outliers count more, so that an unusual person is normal sooner", () => {
  const shareOf = (commonWeight: number): number => {
    const random = createSeededRandom("sooner");
    const rule = { ...defaultPersonalRule, priorCount: 100, commonWeight };
    const user = createUserCalibration(population, alpha, rule);
    return flaggedShare(user, 300, () => gaussian(random) + 2);
  };
  expect(shareOf(8)).toBeLessThan(shareOf(1) / 2);
});

it("[LC37] what is far beyond anything is an outlier also for a person who is known well", () => {
  const random = createSeededRandom("known");
  const user = createUserCalibration(population, alpha);
  flaggedShare(user, 1000, () => gaussian(random) + 2);
  expect(user.observe(100)).toBeLessThanOrEqual(alpha);
  expect(user.observe(Number.NaN)).toBeLessThanOrEqual(alpha);
  expect(user.observe(-100)).toBe(1);
});

it("[LC37] windows that are alike in a row are worth less", () => {
  const random = createSeededRandom("alike");
  const fresh = createUserCalibration(population, alpha);
  const slow = createUserCalibration(population, alpha);
  let level = 0;
  for (let at = 0; at < 3000; at++) {
    fresh.observe(gaussian(random));
    if (at % 20 === 0) level = gaussian(random);
    slow.observe(level);
  }
  expect(fresh.report().windowsPerEffective).toBeLessThan(1.6);
  expect(slow.report().windowsPerEffective).toBeGreaterThan(6);
  expect(slow.report().effectiveCount).toBeLessThan(fresh.report().effectiveCount / 4);
});

it("[LC37] stopped anywhere and gone on from its state it never differs; another population begins anew", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -5, max: 20, noNaN: true }), { minLength: 2, maxLength: 60 }),
      fc.nat(),
      (scores, cut) => {
        const through = createUserCalibration(population, alpha);
        let stopped = createUserCalibration(population, alpha);
        scores.forEach((score, at) => {
          if (at === cut % scores.length) {
            stopped = createUserCalibration(population, alpha, undefined, stopped.state());
          }
          const p = through.observe(score);
          expect(p).toBeGreaterThanOrEqual(0);
          expect(p).toBeLessThanOrEqual(1);
          expect(stopped.observe(score)).toBe(p);
        });
        expect(stopped.state()).toEqual(through.state());
        const other = drawPopulation("other");
        const moved = createUserCalibration(other, alpha, undefined, through.state());
        through.follow(other);
        expect(moved.state()).toEqual(through.state());
        expect(moved.report().windowCount).toBe(0);
      },
    ),
    { numRuns: 60 },
  );
});

it("[LC37] a higher score never has a higher p-value, whatever came before", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -5, max: 20, noNaN: true }), { maxLength: 80 }),
      fc.tuple(
        fc.double({ min: -9, max: 90, noNaN: true }),
        fc.double({ min: -9, max: 90, noNaN: true }),
      ),
      (scores, [one, other]) => {
        const user = createUserCalibration(population, alpha);
        for (const score of scores) user.observe(score);
        const state = user.state();
        const pOf = (score: number): number =>
          createUserCalibration(population, alpha, undefined, state).observe(score);
        expect(pOf(Math.max(one, other))).toBeLessThanOrEqual(pOf(Math.min(one, other)));
      },
    ),
    { numRuns: 100 },
  );
});

it("[LC37] ten million windows leave a state of the same size, all of it finite", () => {
  const user = createUserCalibration(population, alpha);
  const size = user.state().bins.length;
  let flagged = 0;
  // Deterministic and cheap: an even spread of normal-like scores with a rare far one.
  for (let at = 0; at < 10_000_000; at++) {
    const score = at % 97 === 0 ? 50 : ((at * 2654435761) % 4096) / 1024 - 2;
    if (user.observe(score) <= alpha) flagged++;
  }
  const state = user.state();
  expect(state.bins).toHaveLength(size);
  expect(
    [...state.bins, state.weight, state.placeSum, state.productSum].every(Number.isFinite),
  ).toBe(true);
  expect(flagged / 10_000_000).toBeLessThan(0.06);
  expect(flagged / 10_000_000).toBeGreaterThan(0.009);
});

it("[LC37] a state that no scores can have led to is left aside, one from before versions is read", () => {
  const through = createUserCalibration(population, alpha);
  const random = createSeededRandom("sound");
  for (let window = 0; window < 500; window++) through.observe(2 * gaussian(random));
  const state = through.state();
  const { version, ...older } = state;
  expect(version).toBe(1);
  const goneOn = (from: unknown): UserCalibration =>
    createUserCalibration(population, alpha, defaultPersonalRule, from as UserCalibrationState);
  expect(goneOn(older).state()).toEqual(state);
  expect(goneOn(state).state()).toEqual(state);
  const fresh = createUserCalibration(population, alpha).state();
  const spoilt: Record<string, unknown>[] = [
    { version: 2 },
    { weight: -1e9 },
    { weight: 0 },
    { weight: "7" },
    { edges: undefined },
    { bins: state.bins.slice(1) },
    { bins: [...state.bins] },
    { bins: state.bins.map((bin) => bin + 100) },
    { bins: state.bins.with(0, -1) },
    { windowWeight: 0 },
    { lastPlace: 2 },
    { flaggedCount: state.checkedCount + 1 },
    { checkedCount: state.windowCount + 1 },
    { windowCount: 1e300 },
  ];
  for (const name of Object.keys(older)) spoilt.push({ [name]: Number.NaN });
  for (const changes of spoilt) {
    expect(goneOn({ ...state, ...changes }).state()).toEqual(fresh);
  }
});

it("[LC37] levels, rules and populations that cannot be are turned away", () => {
  expect(() => createUserCalibration(population, 0)).toThrow(Defect);
  expect(() =>
    createUserCalibration(population, alpha, { ...defaultPersonalRule, priorCount: 0 }),
  ).toThrow(Defect);
  for (const changes of [{ commonShare: 0 }, { commonShare: 1.1 }, { commonWeight: 0.5 }]) {
    expect(() =>
      createUserCalibration(population, alpha, { ...defaultPersonalRule, ...changes }),
    ).toThrow(Defect);
  }
  expect(() => measurePopulation([], [])).toThrow(Defect);
  expect(() => measurePopulation([Number.NaN], [0])).toThrow(Defect);
  const codeOf = (changes: object): string | null => {
    const outcome = checkPopulation({ ...population, ...changes });
    return outcome.ok ? null : outcome.refusal.code;
  };
  expect(codeOf({ edges: new Float64Array(0) })).toBe("input.shape_mismatch");
  for (const wrong of [null, undefined, 7, {}]) {
    const outcome = checkPopulation(wrong as PopulationScores);
    expect(outcome).toMatchObject({ ok: false, refusal: { code: "input.shape_mismatch" } });
  }
  expect(codeOf({ edges: [...population.edges] })).toBe("input.shape_mismatch");
  expect(codeOf({ shares: undefined })).toBe("input.shape_mismatch");
  expect(codeOf({ personCount: 0 })).toBe("input.shape_mismatch");
  expect(codeOf({ edges: population.edges.toReversed() })).toBe("input.not_finite");
  expect(codeOf({ shares: population.shares.map(() => 2) })).toBe("input.not_finite");
  for (const scores of [
    [1e308, -1e308, 5],
    [1.7e308, -1.7e308],
    [1.7e308, 1.7e308],
    [-1.7e308, -1.7e308],
  ]) {
    const extreme = measurePopulation(
      scores,
      Int32Array.from(scores, (_, person) => person),
    );
    expect(checkPopulation(extreme).ok).toBe(true);
    const person = createUserCalibration(extreme, alpha);
    for (const score of [...scores, 0, Number.MAX_VALUE, -Number.MAX_VALUE]) {
      const p = person.observe(score);
      expect(p >= 0 && p <= 1).toBe(true);
    }
  }
  expect(measurePopulation([7, 7, 7], [0, 0, 0]).edges.length).toBeGreaterThan(1);
});
