import { expect, test } from "vitest";
import { readEnvironment } from "./environment.ts";

test("names the runtime, the start and the versions of installed packages", async () => {
  const environment = await readEnvironment(0, ["vitest", "@attune/never-published"]);
  expect(environment.startedAt).toBe("1970-01-01T00:00:00.000Z");
  expect(environment.node).toBe(process.versions.node);
  expect(environment.coreCount).toBeGreaterThan(0);
  expect(environment.packages["vitest"]).toMatch(/^\d+\.\d+\.\d+$/);
  expect(environment.packages["@attune/never-published"]).toBeNull();
});
