// Vitest reporter: ends a run with one plain line that people and CI read, and says why tests were skipped.

import type { Reporter, TestCase, TestModule } from "vitest/node";

/** Prints `N passed, N failed, N skipped` as the last line of a run. */
export function createPlainSummary(print: (line: string) => void = console.log): Reporter {
  return {
    onTestRunEnd(modules, unhandledErrors) {
      const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
      const skippedBecause = new Map<string, number>();
      for (const module of modules) {
        counts.failed += countModuleErrors(module);
        for (const test of module.children.allTests()) {
          const result = test.result();
          if (result.state === "pending") continue; // The run was stopped before it.
          counts[result.state] += 1;
          if (result.state !== "skipped") continue;
          const note = result.note ?? nameOfWhatIsSkipped(test);
          skippedBecause.set(note, (skippedBecause.get(note) ?? 0) + 1);
        }
      }
      for (const [note, count] of skippedBecause) print(`skipped ${count}: ${note}`);
      print(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
    },
  };
}

/** A whole group is skipped without a note: its name says what it needs. */
function nameOfWhatIsSkipped(test: TestCase): string {
  return test.parent.type === "suite" ? test.parent.fullName : test.fullName;
}

/** A file that fails to load has no tests, and must count as a failure all the same. */
function countModuleErrors(module: TestModule): number {
  return module.errors().length;
}
