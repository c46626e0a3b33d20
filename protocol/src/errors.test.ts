import { describe, expect, it } from "vitest";
import { accept, assertDefect, Defect, Fault, refuse, unwrap } from "./errors.ts";

describe("the three kinds of error", () => {
  it("returns refusals", () => {
    expect(accept(1)).toStrictEqual({ ok: true, value: 1 });
    expect(refuse("frame.truncated", "send it again")).toStrictEqual({
      ok: false,
      refusal: { code: "frame.truncated", message: "send it again" },
    });
  });

  it("throws faults with code, hint, cause and whether to try again", () => {
    const cause = new Error("ENOSPC");
    const details = { code: "store.quota_exceeded", hint: "free some space", cause };
    const fault = new Fault("the disk is full", details);
    expect(fault).toBeInstanceOf(Error);
    expect(fault).toMatchObject({
      name: "Fault",
      message: "the disk is full",
      ...details,
      isRetryable: false,
    });
    const retryable = new Fault("away", { code: "link.away", hint: "wait", isRetryable: true });
    expect(retryable.isRetryable).toBe(true);
    expect("cause" in retryable).toBe(false);
  });

  it("throws defects with their code, for broken claims and for refusals of our own making", () => {
    expect(() => assertDefect(true, "a.b", "")).not.toThrowError();
    expect(() => assertDefect(false, "slot.standby_unproven", "no proof")).toThrowError(
      expect.objectContaining({
        name: "Defect",
        code: "slot.standby_unproven",
        message: "slot.standby_unproven: no proof",
      }),
    );
    expect(unwrap(accept("x"))).toBe("x");
    expect(() => unwrap(refuse("frame.truncated", "short"))).toThrowError(Defect);
  });
});
