// A page in Debian's Chromium that runs the conformance suite, with the engine as an app serves it. For tests only.
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { build } from "vite";

/** Where Chromium is; undefined where there is none. */
export const chromiumPath: string | undefined =
  process.env["CHROMIUM"] ??
  ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);

/** The page's side as one file. Cases come by the server, so nothing of Node may be left; its file system is a stub that nothing calls. */
async function bundlePage(): Promise<string> {
  const stub = "\0no-file-system";
  const built = await build({
    configFile: false,
    logLevel: "error",
    root: fileURLToPath(new URL("../..", import.meta.url)),
    resolve: { conditions: ["attune-source", "module", "browser", "production"] },
    plugins: [
      {
        name: "no-file-system",
        enforce: "pre",
        resolveId: (id) => (id === "node:fs" ? stub : null),
        load: (id) =>
          id === stub
            ? "export const readFileSync = () => { throw new Error('no files'); };"
            : null,
      },
    ],
    build: {
      write: false,
      target: "es2022",
      minify: false,
      lib: {
        entry: fileURLToPath(new URL("./inBrowser.ts", import.meta.url)),
        formats: ["es"],
        fileName: "page",
      },
    },
  });
  const [chunk] = [built].flat().flatMap((result) => ("output" in result ? result.output : []));
  if (chunk?.type !== "chunk") throw new Error("the page is not one file");
  return chunk.code;
}

/** Serves the page, the engine and the cases. */
export interface PageServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts the server; `cases` is what the page fetches as `/cases.json`. */
export async function startPage(cases: string): Promise<PageServer> {
  const engine = dirname(createRequire(import.meta.url).resolve("onnxruntime-web/wasm"));
  const page = await bundlePage();
  const server: Server = createServer(({ url = "/" }, response) => {
    const send = (type: string, body: string | Uint8Array): void => {
      response.writeHead(200, {
        "content-type": type,
        // What an app with a strict policy allows: its own files, and WebAssembly.
        "content-security-policy":
          "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'",
      });
      response.end(body);
    };
    const file = /^\/ort\/([a-z0-9.-]+\.(mjs|wasm))$/i.exec(url);
    if (url === "/") send("text/html", "<!doctype html><title>conformance</title>");
    else if (url === "/page.js") send("text/javascript", page);
    else if (url === "/cases.json") send("application/json", cases);
    else if (file?.[1] !== undefined && existsSync(join(engine, file[1]))) {
      const type = file[2] === "wasm" ? "application/wasm" : "text/javascript";
      send(type, readFileSync(join(engine, file[1])));
    } else {
      response.writeHead(404);
      response.end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** How the browser is started: without a graphics processor, or with one in software. */
export type Graphics = "none" | "software";

const graphicsArguments: Readonly<Record<Graphics, readonly string[]>> = {
  none: ["--disable-gpu"],
  software: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"],
};

/** Calls a function of the page with the engine's module and the cases, and gives back what it returns. */
export async function callPage<T>(
  server: PageServer,
  graphics: Graphics,
  engine: "wasm" | "webgpu",
  name: string,
): Promise<T> {
  const browser = await chromium.launch({
    executablePath: chromiumPath ?? "",
    args: ["--no-sandbox", ...graphicsArguments[graphics]],
  });
  try {
    const tab = await browser.newPage();
    await tab.goto(server.url);
    // As text, because a test runner rewrites `import()` in what it runs itself.
    return (await tab.evaluate(`(async () => {
      const ort = await import("/ort/ort.${engine}.min.mjs");
      ort.env.wasm.wasmPaths = "/ort/";
      ort.env.wasm.numThreads = 1;
      const cases = await (await fetch("/cases.json")).text();
      return (await import("/page.js")).${name}(ort, cases);
    })()`)) as T;
  } finally {
    await browser.close();
  }
}
