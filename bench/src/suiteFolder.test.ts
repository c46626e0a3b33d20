import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createSuiteFolder } from "./suiteFolder.ts";

async function createFolder(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "suites-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

test("suites are found by the kebab case of their file name", async () => {
  const folder = await createFolder({
    "trainStep.bench.ts": 'export const suite = { name: "train-step" };',
    "notes.md": "",
  });
  const suites = createSuiteFolder(folder);
  expect(await suites.names()).toEqual(["train-step"]);
  expect(await suites.load("train-step")).toEqual({ name: "train-step" });
});

test("a suite under another name than its file is refused", async () => {
  const folder = await createFolder({ "a.bench.ts": 'export const suite = { name: "b" };' });
  await expect(createSuiteFolder(folder).load("a")).rejects.toThrow("calls its suite b");
});

test("every suite of this repository loads under its own name", async () => {
  const suites = createSuiteFolder(join(import.meta.dirname, "..", "suites"));
  for (const name of await suites.names()) expect((await suites.load(name)).name).toBe(name);
});
