import { afterEach, expect, it, vi } from "vitest";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

it("no schema asks for a compiled function, at its making or at its use: a page may forbid eval, and reports each try", async () => {
  const compile = vi.fn<() => void>();
  vi.stubGlobal("Function", compile);
  const { hubReceiptMessage } = await import("./hubReceipt.ts");
  const { trustRootMessage } = await import("./trustRoot.ts");
  const { driftReportSchema } = await import("./driftReport.ts");
  expect(hubReceiptMessage.schema.safeParse({ entries: [], atMs: 1 }).success).toBe(false);
  expect(trustRootMessage.schema.safeParse({}).success).toBe(false);
  expect(driftReportSchema.safeParse({ version: 2 }).success).toBe(true);
  expect(compile).not.toHaveBeenCalled();
});
