// The rules of the specifications: each has a number of its own, in whichever SPEC.md it is, and at least one test that names it.
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const workspaces = "{protocol,device-runtime,hub,simulators,bench}";

async function found(files: string, rule: RegExp): Promise<readonly string[]> {
  const numbers: string[] = [];
  for await (const file of glob(files, { cwd: root, exclude: ["**/node_modules/**"] })) {
    const text = await readFile(join(root, file), "utf8");
    numbers.push(...[...text.matchAll(rule)].map(([, number = ""]) => number));
  }
  return numbers;
}

// As an item of a list, or as the first cell of a row.
const rules = await found(`${workspaces}/**/SPEC.md`, /^(?:- \*\*|\| )\[([A-Z]{2}\d+)\]/gm);
const named = new Set(
  await found(`${workspaces}/{src,test,suites}/**/*.{test,contract}.ts`, /\[([A-Z]{2}\d+)\] /g),
);

test("no two rules have one number", () => {
  expect(rules.filter((rule, index) => rules.indexOf(rule) !== index)).toEqual([]);
  expect(rules.length).toBeGreaterThan(300);
});

test("a test names every rule, and none that is not there", () => {
  expect(rules.filter((rule) => !named.has(rule))).toEqual([]);
  expect([...named].filter((rule) => !rules.includes(rule))).toEqual([]);
});
