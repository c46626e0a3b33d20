// An app's bundle, split as bundlers split it, and a server that serves it with the engine under a strict policy. For tests only.
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

/** Nothing inline, no eval, nothing from anywhere else; WebAssembly is for the engine. */
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";

const watch =
  'globalThis.violations = []; document.addEventListener("securitypolicyviolation", (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`));';

/** The files of the app by name; `app.js` is its entry. */
async function bundleApp(): Promise<ReadonlyMap<string, string>> {
  const built = await build({
    configFile: false,
    logLevel: "error",
    root: fileURLToPath(new URL("../..", import.meta.url)),
    base: "/app/",
    resolve: { conditions: ["attune-source", "module", "browser", "production"] },
    build: {
      write: false,
      target: "es2022",
      modulePreload: false,
      rolldownOptions: {
        input: fileURLToPath(new URL("./app.ts", import.meta.url)),
        preserveEntrySignatures: "allow-extension",
        output: { entryFileNames: "app.js", chunkFileNames: "[name].js" },
      },
    },
  });
  const pieces = [built].flat().flatMap((result) => ("output" in result ? result.output : []));
  return new Map(
    pieces.flatMap((piece) =>
      piece.type === "chunk" ? [[piece.fileName, piece.code] as const] : [],
    ),
  );
}

/** Where the app is served. */
export interface AppServer {
  readonly url: string;
  /** Files that are not there from now on, by a part of their name; null for none. Fetching `/show` brings them back, too. */
  hide(part: string | null): void;
  close(): Promise<void>;
}

/** Starts the server; `data` is what the page fetches, by path. */
export async function startApp(data: ReadonlyMap<string, Uint8Array>): Promise<AppServer> {
  const engine = dirname(createRequire(import.meta.url).resolve("onnxruntime-web/wasm"));
  const files = await bundleApp();
  let hidden: string | null = null;

  const find = (url: string): readonly [string, string | Uint8Array] | undefined => {
    if (url === "/") {
      return ["text/html", '<!doctype html><title>app</title><script src="/watch.js"></script>'];
    }
    if (url === "/watch.js") return ["text/javascript", watch];
    const bytes = data.get(url);
    if (bytes !== undefined) return ["application/octet-stream", bytes];
    const own = /^\/app\/(.+)$/.exec(url)?.[1];
    const code = own === undefined ? undefined : files.get(own);
    if (code !== undefined) return ["text/javascript", code];
    const part = /^\/ort\/([a-z0-9.-]+\.(?:mjs|wasm))$/i.exec(url)?.[1];
    if (part === undefined || !existsSync(join(engine, part))) return undefined;
    const type = part.endsWith(".wasm") ? "application/wasm" : "text/javascript";
    return [type, readFileSync(join(engine, part))];
  };

  const server: Server = createServer(({ url = "/" }, response) => {
    if (url === "/show") hidden = null;
    const isHidden = hidden !== null && url.includes(hidden);
    const [type, body] = (isHidden ? undefined : find(url)) ?? [];
    response.writeHead(type === undefined ? 404 : 200, {
      "content-type": type ?? "text/plain",
      "content-security-policy": policy,
    });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    hide: (part) => {
      hidden = part;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
