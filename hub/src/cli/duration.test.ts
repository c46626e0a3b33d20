import { expect, it } from "vitest";
import { formatDuration, parseDuration } from "./duration.ts";

it.each([
  ["250ms", 250],
  ["1s", 1000],
  ["1.5h", 5_400_000],
  [" 7d ", 604_800_000],
])("reads %s", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

it.each(["", "30", "m", "-1s", "1 h", "1e3s", "soon", "1w"])("does not read %j", (text) => {
  expect(parseDuration(text)).toBeNull();
});

it.each([
  [-5, "0 ms"],
  [999, "999 ms"],
  [59_999, "59 s"],
  [60_000, "1 min"],
  [3_599_999, "59 min"],
  [172_799_999, "47 h"],
  [172_800_000, "2 d"],
])("says %d as %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
