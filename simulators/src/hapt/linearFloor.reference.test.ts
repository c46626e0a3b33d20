// The floor against published figures for the same recipe on the same data: .880 mean and .325 worst over thirty people, each left out
// of training once. Leaving out all thirty takes most of a minute, so here it is the worst of them, whose figure is exact.
import { expect, it } from "vitest";
import { hasDataSet } from "../data/dataFolder.ts";
import { loadHarHapt } from "../data/loadHarHapt.ts";
import { ACTIVITY_COUNT } from "../people/activity.ts";
import { peopleAccuracy } from "./accuracy.ts";
import { linearFloor } from "./linearFloor.ts";

it("[HA5] the person who is worst when left out scores .325 before and gains by naive fine-tuning", async (context) => {
  if (!hasDataSet("har-hapt")) {
    context.skip("needs HAPT: set ATTUNE_DATA to the folder that has har-hapt/");
  }
  const { people } = await loadHarHapt();
  const [worst, ...others] = people.toSorted(
    (a, b) => Number(b.subject === 10) - Number(a.subject === 10),
  );
  const [row] = linearFloor(others, worst === undefined ? [] : [worst], { scoresStraddling: true });
  expect(row?.shared.accuracy).toBeCloseTo(0.325, 3);
  expect(row?.naive.accuracy).toBeGreaterThan(0.55);
  expect(row?.shared.recalls).toHaveLength(ACTIVITY_COUNT);
});

it("[HA5] the floor of the nine official test people", async (context) => {
  if (!hasDataSet("har-hapt")) {
    context.skip("needs HAPT: set ATTUNE_DATA to the folder that has har-hapt/");
  }
  const { people, officialTestSubjects } = await loadHarHapt();
  const isTest = ({ subject }: { subject: number }): boolean =>
    officialTestSubjects.includes(subject);
  const rows = linearFloor(
    people.filter((person) => !isTest(person)),
    people.filter(isTest),
  );
  const shared = peopleAccuracy(rows.map((row) => row.shared));
  const naive = peopleAccuracy(rows.map((row) => row.naive));
  expect(shared.mean).toBeCloseTo(0.814, 3);
  expect(shared.worst).toBeCloseTo(0.279, 3);
  expect(naive.mean).toBeCloseTo(0.876, 3);
  expect(naive.worst).toBeCloseTo(0.578, 3);
});
