// Schemas that never compile themselves. It must not leave zod's configuration, which belongs to the whole page, changed.
import * as z from "zod/mini";

/**
 * Makes a schema whose parser zod does not compile with `new Function`.
 *
 * Where a Content Security Policy forbids `eval`, zod goes on without, but only after a try: the browser reports that as a
 * violation, in the console of everybody who embeds this. Objects, and refinements of objects, are to be made in here; zod reads
 * the setting when it makes them, so it is set for that long only.
 *
 * @param make makes the schema, synchronously
 * @example
 * evalFree(() => "whatever makes schemas"); // => "whatever makes schemas"
 */
export function evalFree<Schema>(make: () => Schema): Schema {
  const { jitless = false } = z.config();
  z.config({ jitless: true });
  try {
    return make();
  } finally {
    z.config({ jitless });
  }
}
