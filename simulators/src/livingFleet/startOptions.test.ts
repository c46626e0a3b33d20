// Options are read, and wrong ones are refused with what is allowed.
import { unwrap } from "@attune/protocol";
import { expect, it } from "vitest";
import { parseStartOptions } from "./startOptions.ts";

it("[LF1] has a default for everything", () => {
  expect(unwrap(parseStartOptions([]))).toEqual({
    deviceCount: 30,
    seed: 1,
    speed: 120,
    isKept: false,
    isGuarded: true,
    wantsHelp: false,
  });
});

it("[LF1] takes every option", () => {
  const words = ["--devices", "12", "--seed", "7", "--speed", "60", "--keep", "--no-guards"];
  expect(unwrap(parseStartOptions(words))).toEqual({
    deviceCount: 12,
    seed: 7,
    speed: 60,
    isKept: true,
    isGuarded: false,
    wantsHelp: false,
  });
});

it.each([
  [["--devices", "5"], '--devices is "5", it must be a whole number from 6 to 100'],
  [["--devices", "many"], '--devices is "many", it must be a whole number from 6 to 100'],
  [["--seed", "1.5"], '--seed is "1.5", it must be a whole number from 0 to 4294967295'],
  [["--speed", "0"], '--speed is "0", it must be a whole number from 1 to 400'],
  [["--speed", "401"], '--speed is "401", it must be a whole number from 1 to 400'],
  [["--device", "6"], "Unknown option '--device'"],
  [["fleet"], "Unexpected argument 'fleet'"],
])("[LF1] refuses %j", (words, message) => {
  expect(parseStartOptions(words)).toEqual({
    ok: false,
    refusal: { code: "operator.request_invalid", message },
  });
});
