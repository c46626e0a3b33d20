// The protocol in one file, as an embedder's bundler makes it for a browser.
import { build } from "vite";

/** A bundle and what it would still have to load. */
export interface Bundle {
  readonly code: string;
  readonly imports: readonly string[];
}

/**
 * Bundles an entry of this workspace for browsers.
 *
 * @param entry path from the workspace's root
 */
export async function bundleFor(entry: string): Promise<Bundle> {
  const built = await build({
    configFile: false,
    logLevel: "error",
    root: new URL("..", import.meta.url).pathname,
    build: {
      write: false,
      target: "es2022",
      minify: false,
      lib: { entry, formats: ["es"], fileName: "bundle" },
    },
  });
  const [chunk, ...more] = [built]
    .flat()
    .flatMap((result) => ("output" in result ? result.output : []));
  if (chunk?.type !== "chunk" || more.length > 0) throw new Error(`${entry} is not one chunk`);
  return { code: chunk.code, imports: [...chunk.imports, ...chunk.dynamicImports] };
}
