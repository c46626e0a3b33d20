import { describe, expect, it, vi } from "vitest";
import * as s from "./schema.ts";

/** The problem as a message would show it, or "fits". */
function problemOf(schema: s.Schema<unknown>, value: unknown): string {
  const result = schema.safeParse(value);
  return result.success ? "fits" : [...result.problem.path, result.problem.message].join(": ");
}

describe("a schema", () => {
  it.each<[s.Schema<unknown>, unknown, string]>([
    [s.number(), 0.5, "fits"],
    [s.number(), Number.NaN, "must be a number"],
    [s.number(), Number.POSITIVE_INFINITY, "must be a number"],
    [s.number(), undefined, "is missing"],
    [s.number().min(1), 0.9, "must be at least 1"],
    [s.number().max(1), 1.1, "must be at most 1"],
    [s.number().gt(0).lt(1), 1, "must be under 1"],
    [s.number().positive(), 0, "must be over 0"],
    [s.int(), 2 ** 53, "must be a whole number"],
    [s.int(), "1", "must be a whole number"],
    [s.string().min(2), "a", "must have at least 2 characters"],
    [s.string().max(2), "abc", "must have at most 2 characters"],
    [s.string().form({ pattern: /^a+$/, message: "must be made of a" }), "ab", "must be made of a"],
    [s.string(), 1, "must be text"],
    [s.boolean(), 0, "must be true or false"],
    [s.literal(1), 2, "must be 1"],
    [s.oneOf(["up", "down"]), "left", "must be up or down"],
    [s.instance(Float64Array), new Float32Array(1), "must be a Float64Array"],
    [s.custom((value) => value === 7, { message: "must be 7" }), 8, "must be 7"],
    [s.unknown(), undefined, "fits"],
    [s.int().optional(), undefined, "fits"],
    [s.int().nullable(), null, "fits"],
    [s.int().nullable(), undefined, "is missing"],
    [s.int().refine((value) => value % 2 === 0, { message: "must be even" }), 3, "must be even"],
    [s.array(s.int()), [1, "x"], "1: must be a whole number"],
    [s.array(s.int()), { length: 0 }, "must be a list"],
    [s.array(s.int()).min(1), [], "must have at least 1 of them"],
    [s.array(s.int()).min(1).max(2), ["x", "x", "x"], "must have at most 2 of them"],
    [s.object({ a: s.object({ b: s.int() }) }), { a: { b: true } }, "a: b: must be a whole number"],
    [s.object({ a: s.int() }), [], "must be an object"],
    [s.object({ a: s.int() }), {}, "a: is missing"],
    [s.object({ toString: s.int() }), {}, "toString: is missing"],
    [s.strictObject({ a: s.int() }), { a: 1, b: 2 }, 'has a property "b", which nobody reads'],
    [s.record(s.string().max(1), s.int()), { ab: 1 }, "ab: must have at most 1 characters"],
    [s.record(s.string(), s.int()), { ab: "1" }, "ab: must be a whole number"],
    [s.union([s.string(), s.boolean()]), 1, "must be text, or must be true or false"],
    [s.object({ a: s.int() }).and(s.object({ b: s.int() })), { a: 1 }, "b: is missing"],
  ])("%# says what does not fit, and where", (schema, value, expected) => {
    expect(problemOf(schema, value)).toBe(expected);
  });

  it("[PR12] of variants speaks of the one that was meant", () => {
    const either = s.variants("kind", [
      s.object({ kind: s.literal("circle"), radius: s.number() }),
      s.object({ kind: s.oneOf(["square", "cube"]), side: s.number() }),
    ]);
    expect(either.parse({ kind: "cube", side: 2 })).toStrictEqual({ kind: "cube", side: 2 });
    expect(problemOf(either, { kind: "cube", radius: 2 })).toBe("side: is missing");
    expect(problemOf(either, { kind: "line" })).toBe("kind: must be circle or square or cube");
    expect(problemOf(either, {})).toBe("kind: is missing");
    expect(problemOf(either, null)).toBe("must be an object");
  });

  it("[PR8] makes plain copies of what it names, in its order, and leaves out the rest", () => {
    const schema = s.object({ a: s.int(), list: s.array(s.int()), gone: s.int().optional() });
    const list = [1];
    const made = schema.parse({ list, stranger: "name", a: 1 });
    expect(Object.keys(made)).toStrictEqual(["a", "list"]);
    expect(made.list).not.toBe(list);
    expect(s.object({ n: s.int().transform((n) => n + 1) }).parse({ n: 1 })).toStrictEqual({
      n: 2,
    });
  });

  it("[PR6] changes no prototype, whatever keys arrive", () => {
    const hostile: unknown = JSON.parse('{ "__proto__": { "isAdmin": true } }');
    const made = s.record(s.string(), s.unknown()).parse(hostile);
    expect((made as { readonly isAdmin?: boolean }).isAdmin).toBe(undefined);
    expect(Object.keys(made)).toStrictEqual(["__proto__"]);
  });

  it("does not go through a list that is too long", () => {
    const looked = vi.fn<() => boolean>(() => true);
    const schema = s.array(s.custom(looked, { message: "" })).max(1);
    expect(schema.safeParse([1, 2]).success).toBe(false);
    expect(looked).not.toHaveBeenCalled();
  });

  it("throws a Defect for a value of our own, with its place", () => {
    expect(() => s.object({ n: s.int() }).parse({ n: "x" })).toThrowError(
      expect.objectContaining({
        code: "schema.value_invalid",
        message: "schema.value_invalid: n must be a whole number",
      }),
    );
  });
});
