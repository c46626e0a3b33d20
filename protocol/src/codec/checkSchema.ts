// Whether a value is what a schema says, as a refusal that names the field. It must not leave zod's configuration, which belongs to the
// whole page, changed: so its English is handed in with every value.
import * as z from "zod/mini";
import { accept, type Outcome, refuse } from "../errors.ts";

const english = z.locales.en().localeError;

/**
 * Checks a value that is not trusted against a schema.
 *
 * @param what names the value, as the first step of a path
 * @param wayOut what to do about it, as the end of a sentence
 * @returns the value as the schema gives it, or `message.schema_invalid` with the first thing that is wrong
 * @example
 * const checked = checkSchema(lineIdSchema, 7, "order.line", "send it again");
 * checked.ok ? "" : checked.refusal.message; // => "order.line: Invalid input: expected string, received number; send it again"
 */
export function checkSchema<T>(
  schema: z.ZodMiniType<T>,
  value: unknown,
  what: string,
  wayOut: string,
): Outcome<T> {
  const parsed = schema.safeParse(value, { error: english });
  if (parsed.success) return accept(parsed.data);
  const issue = parsed.error.issues[0];
  const path = [what, ...(issue?.path ?? [])].join(".");
  return refuse("message.schema_invalid", `${path}: ${issue?.message ?? "invalid"}; ${wayOut}`);
}
