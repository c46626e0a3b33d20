// The same vectors, run by a browser under a strict Content Security Policy and by the oldest Node that is supported.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bundle, bundleFor } from "./bundle.ts";
import { runEverywhere } from "./everywhere.ts";
import type { VectorRun } from "./runVectors.ts";

const run = promisify(execFile);
const here = runEverywhere();

let bundle: Bundle;
beforeAll(async () => {
  bundle = await bundleFor(new URL("./everywhere.ts", import.meta.url));
}, 60_000);

describe("bundled for a browser", () => {
  it("[PR55] needs nothing of Node and nothing else that is not in it", () => {
    expect(bundle.imports).toStrictEqual([]);
    expect(bundle.code).not.toMatch(/["']node:|\brequire\(|\bprocess\.|__dirname|\bimport\(/);
  });
});

const browserPath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) =>
  existsSync(path),
);

describe("in Chromium", () => {
  // Nothing inline, no eval, nothing from anywhere else.
  const policy = "default-src 'none'; script-src 'self'";
  const page =
    '<!doctype html><title>vectors</title><script src="/watch.js"></script><script type="module" src="/page.js"></script>';
  const watch =
    'const violations = []; document.addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective + " " + event.blockedURI));';
  const files = (): Readonly<Record<string, readonly [string, string]>> => ({
    "/": ["text/html", page],
    "/watch.js": ["text/javascript", watch],
    "/bundle.js": ["text/javascript", bundle.code],
    "/page.js": [
      "text/javascript",
      'import { runEverywhere } from "/bundle.js"; const run = runEverywhere(); setTimeout(() => { document.documentElement.dataset.run = JSON.stringify({ ...run, violations }); });',
    ],
  });

  let server: Server;
  beforeAll(async () => {
    server = createServer(({ url = "/" }, response) => {
      const [type, body] = files()[url] ?? [];
      response.writeHead(type === undefined ? 404 : 200, {
        "content-type": type ?? "text/plain",
        "content-security-policy": policy,
      });
      response.end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve));
  });

  it("[PR55] every vector holds, and the policy is never broken", async ({ skip }) => {
    skip(browserPath === undefined, "needs Chromium: apt-get install chromium");
    const browser = await chromium.launch({
      executablePath: browserPath as string,
      args: ["--no-sandbox", "--disable-gpu"],
    });
    try {
      const tab = await browser.newPage();
      await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      const done = await tab.waitForSelector("html[data-run]", { state: "attached" });
      const told = JSON.parse((await done.getAttribute("data-run")) ?? "") as VectorRun & {
        violations: readonly string[];
      };
      expect(told).toStrictEqual({ ...here, failures: [], violations: [] });
    } finally {
      await browser.close();
    }
  }, 60_000);
});

describe("in another Node", async () => {
  /** Every `node` on the path that is not this one, by its version. */
  const others = new Map<string, string>();
  for (const folder of new Set((process.env["PATH"] ?? "").split(delimiter))) {
    const path = join(folder, "node");
    if (folder.includes("node_modules") || !existsSync(path)) continue;
    const { stdout } = await run(path, ["--version"]);
    if (stdout.trim() !== process.version) others.set(stdout.trim(), path);
  }

  it(`[PR55] every vector holds in ${[...others.keys()].join(", ")}`, async ({ skip }) => {
    skip(others.size === 0, "needs a second Node, such as 20, on the PATH");
    const folder = await mkdtemp(join(tmpdir(), "attune-vectors-"));
    try {
      const file = join(folder, "bundle.mjs");
      await writeFile(
        file,
        (await bundleFor(new URL("./everywhereNode.ts", import.meta.url), [/^node:/])).code,
      );
      for (const path of others.values()) {
        const { stdout } = await run(path, [file]);
        // Twice: with the portable cryptography, and with Node's.
        expect(JSON.parse(stdout)).toStrictEqual({
          checkCount: 2 * here.checkCount,
          failures: [],
        });
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 60_000);
});
