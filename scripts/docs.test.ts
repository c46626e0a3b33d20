// Every example that a reader may copy is run: `// =>` fences of the documents, and the `@example`s of
// exported functions. See examples.ts for what a promise may say.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { glob, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, expect, test } from "vitest";
import {
  type Example,
  examplesOfMarkdown,
  examplesOfSource,
  toleranceOf,
  toModule,
} from "./examples.ts";

const root = resolve(import.meta.dirname, "..");
const folder = join(root, ".cache", "examples");
await mkdir(folder, { recursive: true });

// A reader keeps what an example writes to a temporary folder; here it goes when all have run.
const scratch = await mkdtemp(join(tmpdir(), "attune-examples-"));
for (const name of ["TMPDIR", "TEMP", "TMP"]) process.env[name] = scratch;
afterAll(() => rm(scratch, { recursive: true, force: true, maxRetries: 3 }));

const check = {
  async equals(actual: () => Promise<unknown>, expected: () => unknown) {
    const [left, right] = [await actual(), expected()];
    if (!isDeepStrictEqual(left, right)) expect(left).toStrictEqual(right);
    expect(isDeepStrictEqual(left, right)).toBe(true);
  },
  async near(actual: () => Promise<unknown>, digits: string) {
    const value = Number(await actual());
    expect(Math.abs(value - Number(digits)), `${value} ≈ ${digits}`).toBeLessThanOrEqual(
      toleranceOf(digits),
    );
  },
  async throws(actual: () => Promise<unknown>, text: string) {
    const error: unknown = await actual().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error, "throws nothing").toBeDefined();
    const { code = "", message = "" } = error as { code?: string; message?: string };
    expect(`${code} ${message}`).toContain(text);
  },
};

async function readExamples(): Promise<Example[]> {
  const examples: Example[] = [];
  for await (const file of glob(["*.md", "docs/**/*.md", "*/{README,SPEC}.md"], { cwd: root })) {
    examples.push(...examplesOfMarkdown(file, await readFile(join(root, file), "utf8")));
  }
  const sources = "{protocol,device-runtime,hub,simulators,bench}/src/**/*.ts";
  for await (const file of glob(sources, { cwd: root })) {
    if (/\.(?:test|contract)\.ts$/.test(file)) continue;
    examples.push(...examplesOfSource(file, await readFile(join(root, file), "utf8")));
  }
  return examples.toSorted((a, b) => a.place.localeCompare(b.place, "en", { numeric: true }));
}

/** What the documented file exports, and before that what its workspace's doors let out. */
async function readScope({ subject }: Example): Promise<Map<string, string>> {
  if (subject === undefined) return new Map();
  const workspace = subject.split("/", 1)[0] ?? "";
  const manifest = JSON.parse(await readFile(join(root, workspace, "package.json"), "utf8")) as {
    exports?: Record<string, string | { "attune-source": string }>;
  };
  const doors = Object.values(manifest.exports ?? {}).flatMap((entry) =>
    typeof entry === "string" ? [] : [join(root, workspace, entry["attune-source"])],
  );
  const scope = new Map<string, string>();
  for (const file of [...doors, join(root, subject)]) {
    for (const name of Object.keys((await import(file)) as object)) scope.set(name, file);
  }
  return scope;
}

const examples = await readExamples();

for (const example of examples) {
  test(`${example.place} keeps what it promises`, async () => {
    const scope = await readScope(example);
    const code = toModule(example, scope, root);
    const name = createHash("sha256").update(`${example.place}\n${code}`).digest("hex");
    const file = join(folder, `${name.slice(0, 16)}.ts`);
    if (!existsSync(file)) await writeFile(file, code);
    const { run } = (await import(file)) as { run(by: typeof check): Promise<void> };
    await expect(run(check)).resolves.toBeUndefined();
  });
}

test("there are examples to run, and what they write is in a folder that goes with them", async () => {
  expect(examples.length).toBeGreaterThan(0);
  const written = await readdir(scratch);
  expect(written.filter((name) => name.startsWith("attune-"))).not.toEqual([]);
});
