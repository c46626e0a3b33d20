// One configuration for every workspace: sources are tested directly, without a build.
import { defineConfig } from "vitest/config";

const sourceCondition = "attune-source";

export default defineConfig({
  resolve: { conditions: [sourceCondition] },
  ssr: { resolve: { conditions: [sourceCondition, "node", "module-sync"] } },
  test: {
    include: [
      "{protocol,device-runtime,hub,simulators,bench}/src/**/*.test.ts",
      "{protocol,device-runtime,hub,simulators,bench}/test/**/*.test.ts",
    ],
    pool: "forks",
    // Inherited by the workers and forked processes that a test starts.
    execArgv: [`--conditions=${sourceCondition}`],
    testTimeout: 30_000,
    passWithNoTests: true,
  },
});
