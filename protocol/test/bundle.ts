// The protocol in one file, as an embedder's bundler makes it.
import { fileURLToPath } from "node:url";
import { build } from "vite";

/** A bundle and what it would still have to load. */
export interface Bundle {
  readonly code: string;
  readonly imports: readonly string[];
}

/**
 * Bundles an entry of this workspace.
 *
 * @param entry address of a file
 * @param external what stays an import: nothing for a browser
 */
export async function bundleFor(entry: URL, external: readonly RegExp[] = []): Promise<Bundle> {
  const built = await build({
    configFile: false,
    logLevel: "error",
    root: fileURLToPath(new URL("..", import.meta.url)),
    build: {
      write: false,
      target: "es2022",
      minify: false,
      rolldownOptions: { external: [...external] },
      lib: { entry: fileURLToPath(entry), formats: ["es"], fileName: "bundle" },
    },
  });
  const [chunk, ...more] = [built]
    .flat()
    .flatMap((result) => ("output" in result ? result.output : []));
  if (chunk?.type !== "chunk" || more.length > 0)
    throw new Error(`${entry.pathname} is not one chunk`);
  return { code: chunk.code, imports: [...chunk.imports, ...chunk.dynamicImports] };
}
