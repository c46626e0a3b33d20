// Code that loads when it is first needed. Bundlers make files of their own of it; in Node nothing changes. It must not know what the code does.
import { Fault } from "@attune/protocol";

/**
 * Loads code by a literal `import()`, which every bundler understands.
 *
 * @param what names the code, as the subject of a sentence
 * @throws Fault `runtime.code_unavailable`; asking again loads again
 * @example
 * (await laterCode("the path module", () => import("node:path"))).sep.length; // => 1
 */
export async function laterCode<T>(what: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new Fault(`${what} could not be loaded`, {
      code: "runtime.code_unavailable",
      hint: "serve every file that the app's bundler wrote from where it was built for, and keep them all for use without a network",
      cause,
    });
  }
}
