// A device from the web door in Chromium, from a bundle as an app has it, under a strict Content Security Policy.
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createSeededRandom } from "../../src/adapters/seededRandom.ts";
import { defaultFineTunePolicy } from "../../src/core/learn/fineTunePlan.ts";
import { loadNodeOrt } from "../../src/model/session/nodeOrtRuntime.ts";
import { benchPackage, fileOf, labels, windowOf } from "../benchModel.ts";
import { chromiumPath } from "../conformance/chromiumPage.ts";
import type { AppRun, AppRunLate, AppRunWithout } from "./app.ts";
import { type AppServer, startApp } from "./appServer.ts";

const missing = "needs Chromium: apt-get install chromium (or name one in CHROMIUM)";
/** As many as a training waits for, and some. */
const SAMPLES = 24;

let server: AppServer | undefined;
let browser: Browser | undefined;
beforeAll(async () => {
  if (chromiumPath === undefined) return;
  // Slices so short that the losses of the first and the last differ.
  const fineTune = { ...defaultFineTunePolicy, stepsPerSlice: 4 };
  const file = fileOf(await benchPackage(await loadNodeOrt(), { fineTune }));
  const random = createSeededRandom("a person in a browser");
  const samples = Array.from({ length: SAMPLES }, (_, index) => ({
    window: [...windowOf(random, index % 3, 0.3)],
    label: labels[index % 3],
  }));
  const text = new TextEncoder().encode(JSON.stringify(samples));
  server = await startApp(
    new Map([
      ["/package", file],
      ["/samples", text],
    ]),
  );
  browser = await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox"] });
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await server?.close();
});

/** What the functions of the app give. */
interface AppRuns {
  readonly runApp: AppRun;
  readonly runWithoutLearning: AppRunWithout;
  readonly runLate: AppRunLate;
}

/** Calls a function of the app with the engine, the package and the samples. */
async function callApp<Name extends keyof AppRuns>(
  name: Name,
): Promise<{ readonly run: AppRuns[Name]; readonly violations: readonly string[] } | null> {
  if (server === undefined || browser === undefined) return null;
  // A database of its own.
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(server.url);
    // As text, because a test runner rewrites `import()` in what it runs itself.
    return (await page.evaluate(`(async () => {
      const ort = await import("/ort/ort.wasm.min.mjs");
      ort.env.wasm.wasmPaths = "/ort/";
      ort.env.wasm.numThreads = 1;
      const file = new Uint8Array(await (await fetch("/package")).arrayBuffer());
      const samples = await (await fetch("/samples")).json();
      const run = await (await import("/app/app.js")).${name}(ort, file, samples);
      return { run, violations };
    })()`)) as { readonly run: AppRuns[Name]; readonly violations: readonly string[] };
  } finally {
    await context.close();
  }
}

it("[DR53] answers from what loads at once, brings what learns when it learns, and keeps both in IndexedDB", async ({
  skip,
}) => {
  const called = await callApp("runApp");
  skip(called === null, missing);
  if (called === null) return;
  const { run, violations } = called;
  expect(violations).toEqual([]);
  expect(run.accuracy).toBeGreaterThan(0.5);
  expect(run.atOnce).toContain("/app/app.js");
  expect(run.atOnce.join()).not.toMatch(
    /train|compile|mqtt|learningShell|hub|readModelParts|hash/i,
  );
  expect(run.later.join()).toMatch(/compileTraining/);
  expect(run.later.join()).not.toMatch(/mqtt/);
  expect(run.lossAfter).toBeLessThan(run.lossBefore);
  expect(run.closed).toMatchObject({ predictions: SAMPLES, feedback: SAMPLES, trainings: 1 });
  expect(run.reopened).toEqual(run.closed);
}, 60_000);

it("[DR53] goes on answering where what learns cannot be had, and says why it does not learn", async ({
  skip,
}) => {
  server?.hide("compileTraining");
  const called = await callApp("runWithoutLearning");
  server?.hide(null);
  skip(called === null, missing);
  if (called === null) return;
  const { run, violations } = called;
  expect(violations).toEqual([]);
  expect(run).toMatchObject({ trainings: 0, label: labels[0] });
  expect(run.learning).toContain("the training compiler could not be loaded");
}, 60_000);

it("[DR53] takes a feedback again once what takes it can be had, and answers without what speaks with its hub", async ({
  skip,
}) => {
  server?.hide("Shell");
  const called = await callApp("runLate");
  server?.hide(null);
  skip(called === null, missing);
  if (called === null) return;
  const { run, violations } = called;
  expect(violations).toEqual([]);
  expect(run).toMatchObject({
    refused: "runtime.code_unavailable",
    isTaken: true,
    feedback: 1,
    link: "off",
    about: ["code runtime.code_unavailable"],
    label: labels[0],
  });
}, 60_000);
