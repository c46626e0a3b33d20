// Reads what a TypeScript file imports, by parsing it. Judges nothing.

import { readFile } from "node:fs/promises";
import { parseSync } from "vite";

/** One import, re-export or literal `import()`. */
export interface ImportUse {
  readonly specifier: string;
  /** True when the type checker alone sees it: it is gone when the code runs. */
  readonly isTypeOnly: boolean;
  /** 1-based. */
  readonly line: number;
}

/** A parsed file: what it imports, and where it is asynchronous. */
export interface SourceFacts {
  readonly imports: readonly ImportUse[];
  /** Lines of async functions and awaits, 1-based. */
  readonly asyncLines: readonly number[];
}

/** Reads the facts of one file. Throws when it does not parse. */
export async function readSourceFacts(file: string): Promise<SourceFacts> {
  const text = await readFile(file, "utf8");
  const { module, program, errors } = parseSync(file, text);
  const error = errors[0];
  if (error !== undefined) throw new Error(`${file} does not parse: ${error.message}`);
  const lineAt = (offset: number): number => text.slice(0, offset).split("\n").length;
  const isTypeStatement = (start: number): boolean =>
    /^(?:import|export)\s+type\b/.test(text.slice(start, start + 40));
  const imports: ImportUse[] = [];
  for (const { start, moduleRequest, entries } of module.staticImports) {
    const isTypeOnly =
      isTypeStatement(start) || (entries.length > 0 && entries.every((entry) => entry.isType));
    imports.push({ specifier: moduleRequest.value, isTypeOnly, line: lineAt(start) });
  }
  for (const { start, entries } of module.staticExports) {
    const source = entries.find((entry) => entry.moduleRequest !== null)?.moduleRequest;
    if (source === undefined || source === null) continue;
    const isTypeOnly = isTypeStatement(start) || entries.every((entry) => entry.isType);
    imports.push({ specifier: source.value, isTypeOnly, line: lineAt(start) });
  }
  for (const { start, moduleRequest } of module.dynamicImports) {
    const literal = /^(["'`])([^"'`$]+)\1$/.exec(
      text.slice(moduleRequest.start, moduleRequest.end),
    );
    if (literal?.[2] === undefined) continue; // Computed: nothing to say about it here.
    imports.push({ specifier: literal[2], isTypeOnly: false, line: lineAt(start) });
  }
  const asyncLines: number[] = [];
  visit(program, (node) => {
    if (node["async"] === true || node["type"] === "AwaitExpression") {
      asyncLines.push(lineAt(Number(node["start"])));
    }
  });
  return { imports, asyncLines };
}

function visit(value: unknown, onNode: (node: Record<string, unknown>) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) visit(item, onNode);
  } else if (typeof value === "object" && value !== null) {
    onNode(value as Record<string, unknown>);
    for (const child of Object.values(value)) visit(child, onNode);
  }
}
