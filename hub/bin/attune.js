#!/usr/bin/env node
// The attune command's first step: checks the Node version, then hands over to the command line.
// Plain JavaScript, so that an old Node can still read the message. Decides nothing else.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const nodeMin = [22, 14];
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < nodeMin[0] || (major === nodeMin[0] && minor < nodeMin[1])) {
  console.error(
    `attune needs Node ${nodeMin.join(".")} or newer and this is ${process.versions.node}. ` +
      "Install a newer Node, or run it as `npx attune` inside a project that has one.",
  );
  process.exit(1);
}

// Node strips types outside node_modules only: a checkout runs its sources, a package its build.
const isInstalled = import.meta.dirname.split(/[\\/]/).includes("node_modules");
if (isInstalled) {
  await import("../dist/cli/main.js");
} else {
  const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
  const args = ["--conditions=attune-source", main, ...process.argv.slice(2)];
  if (process.execve !== undefined && process.platform !== "win32") {
    // Replaces this process, so a signal or a kill reaches the command itself.
    process.execve(process.execPath, [process.execPath, ...args], process.env);
  }
  const child = spawn(process.execPath, args, { stdio: "inherit" });
  process.on("SIGINT", () => {}); // The console delivers ctrl-C to the child as well: let it decide.
  child.on("exit", (code) => {
    process.exitCode = code ?? 1;
  });
}
