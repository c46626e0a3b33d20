// Accuracies of people, with activities that some lack.
import { expect, it } from "vitest";
import { peopleAccuracy, personAccuracy } from "./accuracy.ts";

it("[HA3] counts windows, and leaves an absent activity out", () => {
  expect(personAccuracy([0, 0, 3, 5], [0, 1, 3, 5])).toEqual({
    count: 4,
    correct: 3,
    accuracy: 0.75,
    recalls: [1, 0, null, 1, null, 1],
  });
});

it("[HA3] a mean counts everybody the same, however many windows they have", () => {
  const many = personAccuracy(
    Array.from({ length: 100 }, () => 0),
    Array.from({ length: 100 }, () => 0),
  );
  const few = personAccuracy([0, 0], [0, 1]);
  expect(peopleAccuracy([many, few])).toEqual({ mean: 0.75, worst: 0.5 });
});

it("refuses what cannot be scored", () => {
  expect(() => personAccuracy([0], [])).toThrow("accuracy.count_mismatch");
  expect(() => personAccuracy([], [])).toThrow("accuracy.count_mismatch");
  expect(() => peopleAccuracy([])).toThrow("accuracy.count_mismatch");
});
