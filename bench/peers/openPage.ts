// Opens Debian's Chromium on a page with ONNX Runtime's WebAssembly. It must not know what the page does.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Page } from "playwright-core";
import { build } from "vite";

/** A browser with one page. */
export interface OpenPage {
  readonly tab: Page;
  /** Opens the page afresh, its engine not started, with other numbers behind its address; waits for `waitFor`. */
  load(query: Readonly<Record<string, number>>, waitFor: string): Promise<void>;
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

const page = `<!doctype html><title>bench</title>
<script type="importmap">{"imports":{"onnxruntime-web/wasm":"/onnxruntime-web/ort.wasm.min.mjs"}}</script>
<script type="module" src="/page.js"></script>`;

/** Where a browser is, if there is one. */
export function findChromium(): string | undefined {
  const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  return process.env["CHROMIUM"] ?? places.find((path) => existsSync(path));
}

/**
 * Bundles a page, serves it on loopback and opens a browser.
 *
 * @param entry file of the page's only script
 */
export async function openPage(
  executablePath: string,
  entry: URL,
  progress: (line: string) => void,
): Promise<OpenPage> {
  const script = await bundlePage(entry);
  const require = createRequire(import.meta.url);
  const folders: Readonly<Record<string, string>> = {
    "onnxruntime-web": dirname(require.resolve("onnxruntime-web/wasm")),
    "tfjs-backend-wasm": dirname(require.resolve("@tensorflow/tfjs-backend-wasm")),
  };
  const fileOf = async (url: string): Promise<string | Uint8Array | undefined> => {
    if (url === "/") return page;
    if (url === "/page.js") return script;
    const [, folder = "", name = ""] = /^\/([\w-]+)\/([\w.-]+)$/.exec(url) ?? [];
    const from = folders[folder];
    return from === undefined ? undefined : readFile(join(from, name)).catch(() => undefined);
  };
  const answer = async (asked: string, response: ServerResponse): Promise<void> => {
    const [url = "/"] = asked.split("?");
    const body = await fileOf(url);
    response.writeHead(body === undefined ? 404 : 200, {
      "content-type": types[url === "/" ? ".html" : extname(url)] ?? "text/plain",
      // Isolated pages have a finer clock, and may have threads.
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    });
    response.end(body);
  };
  const server = createServer((request, response) => {
    void answer(request.url ?? "/", response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu"],
  });
  const close = async (): Promise<void> => {
    await browser.close();
    await new Promise((resolve) => server.close(resolve));
  };
  try {
    const tab = await browser.newPage();
    tab.on("console", (message) => {
      if (message.type() === "info") progress(`chromium: ${message.text()}`);
    });
    const { port } = server.address() as AddressInfo;
    return {
      tab,
      async load(query, waitFor) {
        const words = Object.entries(query).map(([key, value]) => `${key}=${value}`);
        await tab.goto(`http://127.0.0.1:${port}/?${words.join("&")}`);
        await tab.waitForFunction(`typeof ${waitFor} === "function"`);
      },
      close,
    };
  } catch (cause) {
    await close();
    throw cause;
  }
}

async function bundlePage(entry: URL): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: "error",
    root: fileURLToPath(new URL("..", import.meta.url)),
    resolve: { conditions: ["attune-source", "module", "browser"] },
    build: {
      write: false,
      target: "es2022",
      minify: false,
      rolldownOptions: {
        external: ["onnxruntime-web/wasm"],
        output: { inlineDynamicImports: true },
      },
      lib: {
        entry: fileURLToPath(entry),
        formats: ["es"],
        fileName: "page",
      },
    },
  });
  const chunks = [built].flat().flatMap((result) => ("output" in result ? result.output : []));
  const [chunk] = chunks;
  if (chunk?.type !== "chunk" || chunks.length > 1) throw new Error("the page is not one script");
  return chunk.code;
}
