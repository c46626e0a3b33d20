import { expect, it } from "vitest";
import { fitCosts, type TimedJob } from "./fitCosts.ts";

const truth = { node: 1200, mac: 0.03, copied: 0.4 };
const jobs: TimedJob[] = Array.from({ length: 40 }, (_, at) => {
  const work = {
    node: 1 + (at % 7),
    mac: 1e5 * (1 + ((at * 5) % 11)),
    copied: 1e4 * ((at * 3) % 13),
  };
  const ns = work.node * truth.node + work.mac * truth.mac + work.copied * truth.copied;
  return { work, ns };
});

it("finds the costs that the times were made of", () => {
  const found = fitCosts(["node", "mac", "copied"], jobs);
  for (const [kind, cost] of Object.entries(truth)) {
    expect((found[kind] ?? 0) / cost).toBeCloseTo(1, 2);
  }
});

it("is not bent by a few disturbed times, and has nothing below 0", () => {
  const disturbed = jobs.map((job, at) => (at % 13 === 0 ? { ...job, ns: 4 * job.ns } : job));
  const found = fitCosts(["node", "mac", "copied", "absent"], disturbed);
  expect((found.mac ?? 0) / truth.mac).toBeGreaterThan(0.9);
  expect((found.mac ?? 0) / truth.mac).toBeLessThan(1.15);
  expect(found.absent).toBe(0);
  expect(Object.values(found).every((cost) => cost >= 0)).toBe(true);
});
