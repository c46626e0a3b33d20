// Who trains, validates and tests.
import { createSeededRandom } from "@attune/device-runtime/testing";
import { expect, it } from "vitest";
import type { HarHapt } from "../data/loadHarHapt.ts";
import { splitPeople } from "./peopleSplit.ts";

const testSubjects = [2, 4, 9, 10, 12, 13, 18, 20, 24];
const data: HarHapt = {
  people: Array.from({ length: 30 }, (_, index) => ({ subject: index + 1, windows: [] })),
  officialTestSubjects: testSubjects,
  officialTrainSubjects: [],
};
const subjects = (people: readonly { subject: number }[]): number[] =>
  people.map(({ subject }) => subject);

it("[HA1] deals 17, 4 and the official 9, nobody twice", () => {
  const split = splitPeople(data, createSeededRandom(1));
  expect([split.train.length, split.validation.length]).toEqual([17, 4]);
  expect(subjects(split.test)).toEqual(testSubjects);
  const all = subjects([...split.train, ...split.validation, ...split.test]);
  expect(new Set(all).size).toBe(30);
});

it("[HA1] deals the same for the same seed, otherwise for another", () => {
  const train = (seed: number): number[] =>
    subjects(splitPeople(data, createSeededRandom(seed)).train);
  expect(train(1)).toEqual(train(1));
  expect(train(1)).not.toEqual(train(2));
});

it("refuses a data set without all of its people", () => {
  const fewer = { ...data, people: data.people.slice(0, 29) };
  expect(() => splitPeople(fewer, createSeededRandom(1))).toThrow("hapt.people_missing");
});
