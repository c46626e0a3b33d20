// Finds the suites in suites/*.bench.ts by name. Imports only what is asked for.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Suite } from "./suite.ts";

/** Where suites come from; the tests hand in their own. */
export interface SuiteSource {
  names(): Promise<readonly string[]>;
  load(name: string): Promise<Suite>;
}

const suffix = ".bench.ts";

/** Suites of a folder: `trainStep.bench.ts` is called `train-step` and exports `suite`. */
export function createSuiteFolder(folder: string): SuiteSource {
  return {
    async names() {
      const files = await readdir(folder);
      return files
        .filter((file) => file.endsWith(suffix))
        .map((file) => toKebabCase(file.slice(0, -suffix.length)))
        .toSorted();
    },
    async load(name) {
      const file = join(folder, `${toCamelCase(name)}${suffix}`);
      const { suite } = (await import(pathToFileURL(file).href)) as { suite?: Suite };
      if (suite === undefined) throw new Error(`${file} does not export a suite`);
      if (suite.name !== name) {
        throw new Error(`${file} calls its suite ${suite.name}, its file name says ${name}`);
      }
      return suite;
    },
  };
}

function toKebabCase(camelCase: string): string {
  return camelCase.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function toCamelCase(kebabCase: string): string {
  return kebabCase.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
