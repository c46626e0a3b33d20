// Deals of positions and changes.
import { expect, it } from "vitest";
import { createPopulation, type PopulationOptions } from "./population.ts";

const options: PopulationOptions = {
  seed: 3,
  count: 30,
  positions: { rightWrist: 0.5, leftWrist: 0.3, pocket: 0.1, looseStrap: 0.1 },
  changes: {
    share: 0.4,
    kinds: ["injury", "strapTurned", "winterClothing"],
    betweenMs: [1000, 2000],
  },
};

function counted(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

it.each([1, 2, 3])("[PE8] seed %i deals exact numbers", (seed) => {
  const people = createPopulation({ ...options, seed });
  expect(counted(people.map(({ position }) => position))).toEqual({
    rightWrist: 15,
    leftWrist: 9,
    pocket: 3,
    looseStrap: 3,
  });
  const changes = people.flatMap((person) => person.changes);
  expect(counted(changes.map(({ kind }) => kind))).toEqual({
    injury: 4,
    strapTurned: 4,
    winterClothing: 4,
  });
  for (const { fromMs, severity } of changes) {
    expect(fromMs).toBeGreaterThanOrEqual(1000);
    expect(fromMs).toBeLessThanOrEqual(2000);
    expect(severity).toBeGreaterThanOrEqual(0.8);
  }
  expect(new Set(people.map(({ id }) => id)).size).toBe(30);
});

it("[PE8] what rounding leaves over goes to the largest remainders", () => {
  const people = createPopulation({
    seed: 1,
    count: 4,
    positions: { rightWrist: 1, leftWrist: 1, pocket: 1, looseStrap: 0 },
  });
  expect(people).toHaveLength(4);
  expect(people.some(({ position }) => position === "looseStrap")).toBe(false);
});

it("[PE8] deals the same for the same seed and otherwise for another", () => {
  const described = (seed: number): string =>
    JSON.stringify(
      createPopulation({ ...options, seed }).map(({ id, position, changes }) => [
        id,
        position,
        changes,
      ]),
    );
  expect(described(1)).toBe(described(1));
  expect(described(1)).not.toBe(described(2));
});

it("refuses a population of nobody", () => {
  expect(() => createPopulation({ ...options, count: 0 })).toThrow("population.options_invalid");
});
