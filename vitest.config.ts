// One configuration for every workspace: sources are tested directly, without a build.

import { defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";
import { createPlainSummary } from "./scripts/plainSummary.ts";

const conditions = ["attune-source", ...defaultServerConditions];
const workspaces = "{protocol,device-runtime,hub,simulators,bench}";

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    // Inherited by the workers and forked processes that a test starts.
    execArgv: ["--conditions=attune-source"],
    // Against what hangs: a slow machine is no failure.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ["default", createPlainSummary()],
    coverage: { include: [`${workspaces}/src/**/*.ts`], exclude: ["**/*.test.ts"] },
    projects: [
      {
        extends: true,
        test: { name: "unit", include: [`${workspaces}/{src,test}/**/*.test.ts`] },
      },
      { extends: true, test: { name: "docs", include: ["scripts/{docs,examples,specs}.test.ts"] } },
      {
        extends: true,
        test: {
          name: "guards",
          include: ["scripts/guards.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
