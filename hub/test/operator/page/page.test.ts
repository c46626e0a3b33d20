// The built page in a real browser: what a person sees, hears and can do. The policy that it is served under allows no inline
// script or style at all, so that the hub's may be as strict.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AuditRow } from "../../../src/core/audit/auditChain.ts";
import { runAttune, startHubProcess } from "../attuneProcess.ts";
import { auditRows, type FleetStateOptions, fleetState, versions } from "../fleetState.ts";
import { isPageBuilt, type PageServer, pageFolder, startPageServer } from "../pageServer.ts";

const executablePath =
  process.env["CHROMIUM"] ??
  ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const missing = !isPageBuilt()
  ? "needs the built page: npm run prepare"
  : executablePath === undefined
    ? "needs Chromium: apt-get install chromium (or name one in CHROMIUM)"
    : null;

let browser: Browser | undefined;
beforeAll(async () => {
  if (missing !== null) return;
  browser = await chromium.launch({
    executablePath: executablePath ?? "",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
}, 60_000);
afterAll(async () => {
  await browser?.close();
});
beforeEach(({ skip }) => {
  skip(missing !== null, missing ?? "");
});

interface Visit {
  readonly page: Page;
  readonly server: PageServer;
  /** What the browser complained about: scripts, styles that the policy refused, requests that failed. */
  readonly complaints: string[];
}

interface VisitOptions {
  readonly width?: number;
  readonly scheme?: "light" | "dark";
  readonly hash?: string;
}

/** Opens the page as `attune hub start` prints its address, looks, and closes everything again. */
async function visit(
  fleet: FleetStateOptions,
  look: (visit: Visit) => Promise<void>,
  { width = 1280, scheme = "light", hash }: VisitOptions = {},
): Promise<void> {
  const server = await startPageServer(fleet);
  const context = await browser?.newContext({
    viewport: { width, height: 844 },
    colorScheme: scheme,
  });
  if (context === undefined) throw new Error("there is no browser");
  const complaints: string[] = [];
  try {
    const page = await context.newPage();
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") {
        complaints.push(message.text());
      }
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(`${server.url}${hash ?? `#token=${server.token}`}`);
    await look({ page, server, complaints });
  } finally {
    await context.close();
    await server.close();
  }
}

const quiet = { deviceCount: 30, scene: "canary" } as const;

describe("the page", () => {
  it("shows the fleet, the rollout with its numbers, the versions and the story", async () => {
    await visit(quiet, async ({ page, complaints }) => {
      await page.getByRole("heading", { name: "Fleet", exact: true }).waitFor();
      expect(await page.locator(".tile").count()).toBe(30);
      expect(await page.locator(".tile.canary").count()).toBe(4);
      const progress = page.getByRole("region", { name: "On its way" });
      expect(await progress.innerText()).toContain("−3.1 to +6.2 points, margin −2.0");
      expect(await progress.innerText()).toContain("204 labelled windows on 4 devices");
      expect(await progress.locator('[aria-current="step"]').innerText()).toContain("Canary");
      expect(await page.locator(".version-list li").count()).toBe(versions.length);
      expect(await page.getByRole("region", { name: "What happened" }).innerText()).toContain(
        "is rolled back: evidence of harm 23.4, limit 20",
      );
      expect(complaints).toEqual([]);
    });
  });

  it("takes the token out of the address before anybody sees it", async () => {
    await visit(quiet, async ({ page, server }) => {
      await page.locator(".tile").first().waitFor();
      expect(page.url()).toBe(server.url);
      expect(await page.evaluate(() => history.length)).toBeLessThanOrEqual(2);
      expect(await page.content()).not.toContain(server.token);
    });
  });

  it("asks for a token without one, says when it is wrong, and goes on when it is right", async () => {
    await visit(
      quiet,
      async ({ page, server }) => {
        await page.getByLabel("Token").fill("wrong");
        await page.getByRole("button", { name: "Show the fleet" }).click();
        await page.getByRole("alert").waitFor();
        expect(await page.getByRole("alert").innerText()).toContain("no access token");
        await page.getByLabel("Token").fill(server.token);
        await page.getByRole("button", { name: "Show the fleet" }).click();
        await page.locator(".tile").first().waitFor();
      },
      { hash: "" },
    );
  });

  it("follows the hub: devices, stages, and headlines for who cannot look", async () => {
    await visit(quiet, async ({ page, server, complaints }) => {
      await page.locator(".tile").first().waitFor();
      const state = fleetState({ deviceCount: 30, scene: "canary" });
      const [first, ...rest] = state.devices.shown;
      if (first === undefined || first.counts === null) throw new Error("the fixture has devices");
      const alarmed = { ...first, counts: { ...first.counts, alarms: first.counts.alarms + 1 } };
      server.push({ ...state, devices: { ...state.devices, shown: [alarmed, ...rest] } });
      await page.locator(`[data-device="${first.device}"] .news.alarm`).waitFor();
      expect(
        await page.locator(`[data-device="${first.device}"]`).getAttribute("aria-label"),
      ).toContain("noticed a drift");
      const last = auditRows.at(-1);
      if (last === undefined) throw new Error("the fixture has rows");
      const promoted: AuditRow = {
        ...last,
        sequence: 22,
        action: "rollout.promoted",
        reason: "proven in a test",
      };
      server.pushAudit(promoted);
      await page.locator(".row").filter({ hasText: "is the champion: proven in a test" }).waitFor();
      await page
        .locator('p[aria-live="polite"]')
        .filter({ hasText: "is the champion: proven in a test" })
        .waitFor({ state: "attached" });
      expect(complaints).toEqual([]);
    });
  });

  it("says that it is disconnected and that what it shows is old, and comes back", async () => {
    await visit(quiet, async ({ page, server }) => {
      await page.locator(".badge.live").waitFor();
      server.goAway();
      await page.locator(".badge.away").waitFor();
      const banner = page.getByRole("alert");
      expect(await banner.innerText()).toMatch(/does not answer.*old; next try/s);
      expect(await page.locator(".tile").count()).toBe(30);
      server.goOn();
      await banner.getByRole("button", { name: "Try now" }).click();
      await page.locator(".badge.live").waitFor();
      expect(await banner.count()).toBe(0);
    });
  });

  it("has an address for every view, also from outside, and gives the focus back", async () => {
    await visit(quiet, async ({ page }) => {
      const tile = page.locator('[data-device="wrist-02"]');
      await tile.click();
      const dialog = page.getByRole("dialog");
      expect(await dialog.innerText()).toContain("challenger, as a canary");
      expect(page.url()).toContain("#device/wrist-02");
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
      expect(new URL(page.url()).hash).toBe("");
      expect(await tile.evaluate((element) => element === document.activeElement)).toBe(true);
      await page.goto(`${new URL(page.url()).origin}/#audit/14`);
      await page.reload();
      expect(await page.getByRole("dialog").innerText()).toContain("rollout.rolledBack");
    });
  });

  it("shows what a rollback would touch, and gives the command instead of doing it", async () => {
    await visit(quiet, async ({ page }) => {
      const [, , champion] = versions;
      await page.locator(".tile").first().waitFor();
      await page.evaluate((hash) => {
        location.hash = hash;
      }, `#version/${champion?.version}`);
      const dialog = page.getByRole("dialog");
      await dialog.getByText("Roll back to it").waitFor();
      await dialog.getByText("activity goes back").waitFor();
      const text = await dialog.innerText();
      expect(text).toContain(`3 devices change to ${champion?.version}`);
      expect(text).toContain(`npx attune rollback --cohort ward-3 --to ${champion?.short}`);
      expect(text).toContain("Not worse on the operator's people? passed");
    });
  });

  it("is one tab stop for the whole fleet, with arrow keys inside", async () => {
    await visit(quiet, async ({ page }) => {
      await page.locator(".tile").first().waitFor();
      expect(await page.locator('.tile[tabindex="0"]').count()).toBe(1);
      await page.locator(".tile").first().focus();
      const focused = (): Promise<string | null> =>
        page.evaluate(() => document.activeElement?.getAttribute("data-device") ?? null);
      await page.keyboard.press("ArrowRight");
      expect(await focused()).toBe("wrist-02");
      await page.keyboard.press("End");
      expect(await focused()).toBe("wrist-30");
      await page.keyboard.press("ArrowUp");
      expect(await focused()).toMatch(/^wrist-2\d$/);
      await page.keyboard.press("Enter");
      await page.getByRole("dialog").waitFor();
    });
  });

  it("filters, and says when nothing is left", async () => {
    await visit(quiet, async ({ page }) => {
      await page.getByRole("button", { name: /^Canary/ }).click();
      expect(await page.locator(".tile").count()).toBe(4);
      await page.getByLabel(/Find a device/).fill("nobody");
      await page.getByText("No device is like that now.").waitFor();
    });
  });

  it("says what to do first when there is nothing yet", async () => {
    await visit({ deviceCount: 0, scene: "empty" }, async ({ page, complaints }) => {
      const steps = page.getByRole("region", { name: "From here to a fleet" });
      for (const command of ["signer init", "signer run", "model add", "device token"]) {
        expect(await steps.innerText()).toContain(`npx attune ${command}`);
      }
      expect(complaints).toEqual([]);
    });
  });

  it.each([1, 30, 200, 1000])(
    "has room for %d devices on a phone and on a desk",
    async (deviceCount) => {
      for (const width of [390, 1280]) {
        await visit(
          { deviceCount, scene: "shadowing" },
          async ({ page }) => {
            await page.waitForFunction(
              (count) => document.querySelectorAll(".tile").length === count,
              deviceCount,
            );
            const overflow = await page.evaluate(
              () => document.documentElement.scrollWidth - window.innerWidth,
            );
            expect(overflow).toBeLessThanOrEqual(0);
          },
          { width },
        );
      }
    },
  );

  it.each(["light", "dark"] as const)("has enough contrast in every text, %s", async (scheme) => {
    await visit(
      quiet,
      async ({ page }) => {
        await page.locator(".tile").first().waitFor();
        await page
          .locator("details")
          .first()
          .evaluate((details: HTMLDetailsElement) => {
            details.open = true;
          });
        expect(await page.evaluate(lowContrastTexts)).toEqual([]);
      },
      { scheme },
    );
  });

  it("names every control, and has one heading of the first rank and the landmarks", async () => {
    await visit(quiet, async ({ page }) => {
      await page.locator(".tile").first().waitFor();
      const nameless = await page.evaluate(() =>
        [...document.querySelectorAll<HTMLElement>("a, button, input, select, progress, svg[role]")]
          .filter(
            (element) =>
              (element.getAttribute("aria-label") ?? "") === "" &&
              element.innerText?.trim() !== undefined &&
              (element.innerText ?? "").trim() === "" &&
              (element.textContent ?? "").trim() === "" &&
              element.closest("label") === null,
          )
          .map((element) => element.outerHTML.slice(0, 80)),
      );
      expect(nameless).toEqual([]);
      for (const [selector, count] of [
        ["h1", 1],
        ["main", 1],
        ["header.top", 1],
        ["section:not([aria-labelledby])", 0],
      ] as const) {
        expect(await page.locator(selector).count(), selector).toBe(count);
      }
    });
  });

  it("shows a real hub, from its first minute on", async () => {
    const folder = mkdtempSync(join(tmpdir(), "attune-page-"));
    const hub = await startHubProcess(folder);
    const context = await browser?.newContext();
    try {
      const page = await context?.newPage();
      if (page === undefined) throw new Error("there is no browser");
      const complaints: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error") complaints.push(message.text());
      });
      await page.goto(hub.pageUrl);
      await page.locator(".badge.live").waitFor();
      const steps = page.getByRole("region", { name: "From here to a fleet" });
      expect(await steps.locator("li.done").count()).toBe(0);
      await runAttune(folder, ["signer", "init", "--demo"]);
      await steps.locator("li.done").waitFor();
      await page.getByText("demo keys").waitFor();
      await page.locator(".row").filter({ hasText: "Trust root 1 accepted" }).waitFor();
      // The page's token only reads: what it might be tricked into asking, the hub refuses.
      const status = await page.evaluate(async () => {
        const body = JSON.stringify({ role: "admin", note: "" });
        const headers = { "content-type": "application/json" };
        return (await fetch("/api/access-tokens", { method: "POST", headers, body })).status;
      });
      expect([401, 403]).toContain(status);
      await hub.stop();
      await page.locator(".badge.away").waitFor();
      expect(complaints.filter((text) => /Content Security|Refused to/.test(text))).toEqual([]);
    } finally {
      await context?.close();
      await hub.stop();
      rmSync(folder, { recursive: true });
    }
  });

  it("[HB104] tells what drifts together and what alone, in as much room for 400 devices as for 30", async () => {
    const heights: number[] = [];
    for (const deviceCount of [30, 400]) {
      await visit({ deviceCount, scene: "canary" }, async ({ page, complaints }) => {
        const panel = page.getByRole("region", { name: "Drift" });
        await panel.waitFor();
        const words = (await panel.innerText()).replaceAll(/\s+/g, " ");
        expect(words).toMatch(/Fail \d+ of \d+ devices drift: \d+ together in 1 group, 1 alone/);
        expect(words).toMatch(/in cohort ward-3, since about 25 h ago.*acc-x up by 4.6 deviations/);
        expect(words).toMatch(/Alone.*wrist-07 default gyro-z down by 2.8 deviations/);
        expect(await panel.locator("a").count()).toBeLessThanOrEqual(13);
        expect(await panel.getByRole("link", { name: "wrist-07" }).getAttribute("href")).toBe(
          "#device/wrist-07",
        );
        heights.push((await panel.boundingBox())?.height ?? 0);
        expect(complaints).toEqual([]);
      });
    }
    const [few = 0, many = 0] = heights;
    expect(many).toBeLessThan(few + 40);
  });

  it("is small: under 60 KB on the wire, all of it", () => {
    const assets = join(pageFolder, "assets");
    const files = [
      join(pageFolder, "index.html"),
      join(pageFolder, "icon.svg"),
      ...readdirSync(assets).map((name) => join(assets, name)),
    ];
    const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(file)).length, 0);
    expect(bytes).toBeLessThan(60 * 1024);
  });
});

/**
 * Runs in the page: texts whose contrast with what is behind them is under 4.5, WCAG 2.2's AA for text. Faded devices are let
 * off, as inactive things are there.
 */
function lowContrastTexts(): string[] {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  if (canvas === null) throw new Error("no canvas");
  const over = (layers: readonly string[]): readonly number[] => {
    canvas.clearRect(0, 0, 1, 1);
    for (const layer of layers) {
      canvas.fillStyle = layer;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb: readonly number[]): number => {
    const [r = 0, g = 0, b = 0] = rgb.map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = new Set<string>();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement;
    const text = node.textContent?.trim() ?? "";
    if (
      element === null ||
      text === "" ||
      element.closest(".hidden, .skip, .away, .unheard, noscript, script, .quarantined")
    )
      continue;
    if (!element.checkVisibility()) continue;
    const layers: string[] = [];
    for (let at: Element | null = element; at !== null; at = at.parentElement) {
      layers.unshift(getComputedStyle(at).backgroundColor);
    }
    const style = getComputedStyle(element);
    const isSvg = element instanceof SVGElement;
    const ink = over([...layers, isSvg ? style.fill : style.color]);
    const [light = 0, dark = 0] = [luminance(ink), luminance(over(layers))].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < 4.5) found.add(`${element.tagName}: ${text.slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return [...found];
}
