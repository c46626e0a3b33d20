// Which version of the package this is. It must not be written down a second time.
import { createRequire } from "node:module";

/** The version of the package that this is in, as source and as built. */
export function ownVersion(): string {
  const { version } = createRequire(import.meta.url)("../package.json") as { version: string };
  return version;
}
