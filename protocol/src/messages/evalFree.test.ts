import { afterEach, describe, expect, it, vi } from "vitest";
import * as z from "zod/mini";
import { evalFree } from "./evalFree.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("a schema made without eval", () => {
  it("never asks for a compiled function, at its making or at its use", () => {
    const compile = vi.fn<() => void>();
    vi.stubGlobal("Function", compile);
    const schema = evalFree(() => z.object({ n: z.int() }).check(z.refine(({ n }) => n > 0)));
    expect(schema.safeParse({ n: 1 }).success).toBe(true);
    expect(schema.safeParse({ n: 0 }).success).toBe(false);
    expect(compile).not.toHaveBeenCalled();
  });

  it("leaves zod's configuration as it was, also when the making fails", () => {
    for (const jitless of [true, false]) {
      z.config({ jitless });
      evalFree(() => z.object({}));
      expect(() =>
        evalFree(() => {
          throw new Error("no schema");
        }),
      ).toThrowError("no schema");
      expect(z.config().jitless).toBe(jitless);
    }
  });
});
