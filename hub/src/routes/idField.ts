// The protocol's ids as fields of the API: its document can only describe schemas of its own kind. It must not know any id.
import { z } from "@hono/zod-openapi";

interface IdSchema<Id> {
  readonly def: z.core.$ZodTypeDef;
  parse(value: unknown): Id;
}

/** The same text, checked by the same checks. */
export function idField<Id extends string>({ def }: IdSchema<Id>): z.ZodType<Id> {
  const checks = (def.checks ?? []) as z.core.$ZodCheck<string>[];
  return z.string().check(...checks) as unknown as z.ZodType<Id>;
}
