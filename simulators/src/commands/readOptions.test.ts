import { expect, it } from "vitest";
import { type GivenOptions, readOptions } from "./readOptions.ts";

const names = { name: "string", count: "string", loud: "boolean" } as const;
const read = ({ has, text, whole, wrong }: GivenOptions) => {
  if (text("name") === undefined) wrong("name", "anything");
  return { name: text("name"), count: whole("count", 1, 0, 9), isLoud: has("loud") };
};
const messageOf = (...words: string[]): string => {
  const outcome = readOptions(words, names, read);
  return outcome.ok ? "" : outcome.refusal.message;
};

it("[LF1] reads values, whole numbers and flags", () => {
  expect(readOptions(["--name", "a", "--count", "9", "--loud"], names, read)).toEqual({
    ok: true,
    value: { name: "a", count: 9, isLoud: true },
  });
  expect(readOptions(["--name=a"], names, read)).toEqual({
    ok: true,
    value: { name: "a", count: 1, isLoud: false },
  });
});

it("[LF1] refuses the first that is wrong, with what is allowed", () => {
  expect(messageOf()).toBe("--name is missing, it must be anything");
  for (const count of ["10", "-1", "1e0", "1.0", "", " 1"]) {
    expect(messageOf("--name", "a", `--count=${count}`)).toBe(
      `--count is "${count}", it must be a whole number from 0 to 9`,
    );
  }
  expect(messageOf("--count=x")).toBe("--name is missing, it must be anything");
  expect(messageOf("--unknown")).toBe("Unknown option '--unknown'");
  expect(messageOf("--loud=yes")).toContain("does not take an argument");
  expect(messageOf("word")).toBe("Unexpected argument 'word'");
});
