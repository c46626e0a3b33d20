import { tmpdir } from "node:os";
import { expect, it } from "vitest";
import { freeBytes } from "./freeBytes.ts";

it("[HB99] says how much room a folder's disk has, and nothing of a folder that is not there", async () => {
  const free = await freeBytes(tmpdir());
  expect(free).toBeGreaterThan(0);
  expect(Number.isSafeInteger(free)).toBe(true);
  expect(await freeBytes("/nowhere/at/all")).toBeNull();
});
