import { expect, test } from "vitest";
import { examplesOfMarkdown, examplesOfSource, toleranceOf, toModule } from "./examples.ts";

const bodyOf = (code: string): string => {
  const module = toModule({ place: "a.md:1", code }, new Map(), "/root");
  return module.slice(module.indexOf("{\n") + 2, -3).trim();
};

test("only fences that promise something are examples", () => {
  const text = "# Title\n\n```ts\nconst a = 1;\n```\n\n```ts\n1 + 1; // => 2\n```\n";
  expect(examplesOfMarkdown("a.md", text)).toEqual([{ place: "a.md:8", code: "1 + 1; // => 2\n" }]);
});

test("examples of exported functions are found, those of types are not", () => {
  const text = `/**
 * Adds.
 *
 * @example
 * add(1, 2); // => 3
 * @returns The sum.
 */
export function add(a: number, b: number): number {
  return a + b;
}

/**
 * @example
 * const x: X = {};
 */
export interface X {}
`;
  expect(examplesOfSource("a.ts", text)).toEqual([
    { place: "a.ts:5", code: "add(1, 2); // => 3", subject: "a.ts" },
  ]);
});

test.each([
  ["1 + 1; // => 2", "await check.equals(async () => (1 + 1), () => (2\n)); // => 2"],
  ["const a = 1; // => 1", "const a = 1; await check.equals(async () => a, () => (1\n)); // => 1"],
  ["f(); // => ≈ 0.5", 'await check.near(async () => (f()), "0.5"); // => ≈ 0.5'],
  ["f(); // => throws a.b", 'await check.throws(async () => (f()), "a.b"); // => throws a.b'],
])("%s becomes a check", (code, body) => {
  expect(bodyOf(code)).toBe(body);
});

test("a value goes on in the comments below until it is whole", () => {
  expect(bodyOf("f();\n// => {\n//   a: 1,\n// }\n// Not a part of it.")).toContain(
    "() => ( {\n   a: 1,\n }\n)".replace("( {", "({"),
  );
});

test("imports are hoisted, relative ones start from the documented file", () => {
  const example = {
    place: "hub/src/a.ts:3",
    subject: "hub/src/a.ts",
    code: 'import { b } from "./b.ts";\nb(a); // => 1',
  };
  const scope = new Map([
    ["a", "/root/hub/src/a.ts"],
    ["b", "/root/hub/src/a.ts"],
    ["notUsed", "/root/hub/src/a.ts"],
  ]);
  expect(toModule(example, scope, "/root")).toContain(
    'import { b } from "/root/hub/src/b.ts";\nimport { a } from "/root/hub/src/a.ts";\nexport async',
  );
});

test.each([
  ["// => 1", "follows no statement"],
  ["if (a) {\n  f(); // => 1\n}", "follows no statement"],
  ["function f() {} // => 1", "must follow an expression or a const"],
  ["f(; // => 1", "does not parse"],
  ["f(); // => {", "is not an expression"],
])("%j is refused", (code, message) => {
  expect(() => bodyOf(code)).toThrow(message);
});

test.each([
  ["0.69", 0.005],
  ["12", 0.5],
  ["1.5e-3", 0.00005],
])("%s allows half a unit of its last digit", (digits, tolerance) => {
  expect(toleranceOf(digits)).toBeCloseTo(tolerance, 12);
});
