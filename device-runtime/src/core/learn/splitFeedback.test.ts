import fc from "fast-check";
import { expect, it } from "vitest";
import { splitFeedback } from "./splitFeedback.ts";

it("[LC44] whole blocks are held out, without their ends", () => {
  const uses = (
    blockLength: number,
    everyKth: number,
    overlapLength: number,
    count: number,
  ): string =>
    Array.from({ length: count }, (_, index) =>
      splitFeedback({ blockLength, everyKth, overlapLength }, index).charAt(0),
    ).join("");
  expect(uses(3, 2, 1, 12)).toBe("tttghgtttghg");
  expect(uses(4, 3, 1, 24)).toBe("ttttttttghhgttttttttghhg");
  expect(uses(2, 2, 0, 8)).toBe("tthhtthh");
  expect(uses(8, 0, 1, 20)).toBe("t".repeat(20));
});

it("[LC44] no trained feedback is a neighbour of a held-out one", () => {
  fc.assert(
    fc.property(
      fc.record({
        blockLength: fc.integer({ min: 1, max: 12 }),
        everyKth: fc.nat(6),
        overlapLength: fc.integer({ min: 1, max: 3 }),
      }),
      fc.nat(500),
      (plan, index) => {
        const pair = [splitFeedback(plan, index), splitFeedback(plan, index + 1)].sort().join(" ");
        expect(pair).not.toBe("holdout train");
      },
    ),
  );
});
