import { expect, it } from "vitest";
import { createRowBlocks } from "./rowBlocks.ts";

it("multiplies a matrix whose rows do not come out in fours, and pads with zeros", () => {
  const rows = [
    [1, 2],
    [3, 4],
    [5, 6],
    [7, 8],
    [9, 10],
  ];
  const blocks = createRowBlocks(
    5,
    () => 2,
    (row, column) => rows[row]?.[column] ?? Number.NaN,
  );
  const into = new Float64Array(blocks.paddedCount).fill(Number.NaN);
  blocks.multiply(Float64Array.of(10, 1), into);
  expect([...into]).toEqual([12, 34, 56, 78, 100, 0, 0, 0]);
});

it("reads nothing above the diagonal of a triangle", () => {
  const read: string[] = [];
  const blocks = createRowBlocks(
    6,
    (row) => row + 1,
    (row, column) => {
      read.push(`${row} ${column}`);
      return row + 1;
    },
  );
  const into = new Float64Array(blocks.paddedCount);
  blocks.multiply(Float64Array.of(1, 1, 1, 1, 1, 1), into);
  expect([...into]).toEqual([1, 4, 9, 16, 25, 36, 0, 0]);
  expect(read).toHaveLength(21);
});
