import { describe, expect, it } from "vitest";
import { renderOne, renderRows } from "./output.ts";

const rows = [
  { name: "wrist-1", count: 7 },
  { name: "a", count: 1200 },
];
const columns = [
  { header: "NAME", value: ({ name }: { name: string }) => name },
  { header: "COUNT", align: "right", value: ({ count }: { count: number }) => `${count}` },
] as const;

describe("renderRows", () => {
  it("aligns a table by its widest cell and ends no line with spaces", () => {
    expect(renderRows(rows, columns, "table", 80)).toBe(
      "NAME     COUNT\nwrist-1      7\na         1200\n",
    );
  });

  it("cuts lines where a person looks, and nowhere else", () => {
    expect(renderRows(rows, columns, "table", 10).split("\n")[1]).toBe("wrist-1  …");
    expect(renderRows(rows, columns, "table", Number.POSITIVE_INFINITY)).toContain(
      "wrist-1      7",
    );
  });

  it("gives programs the whole rows, whatever the columns are", () => {
    expect(JSON.parse(renderRows(rows, [], "json", 10))).toEqual(rows);
    expect(
      renderRows(rows, [], "ndjson", 10)
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(rows);
  });

  it("says nothing as a table and an empty list as JSON when there is nothing", () => {
    expect(renderRows(rows.slice(0, 0), columns, "table", 80)).toBe("");
    expect(renderRows(rows.slice(0, 0), columns, "ndjson", 80)).toBe("");
    expect(JSON.parse(renderRows(rows.slice(0, 0), columns, "json", 80))).toEqual([]);
  });
});

describe("renderOne", () => {
  it("aligns labels for people and gives programs the thing itself", () => {
    const thing = { a: 1, nested: { b: [2] } };
    expect(
      renderOne(
        thing,
        [
          ["a", "1"],
          ["long label", "x"],
        ],
        "table",
      ),
    ).toBe("a           1\nlong label  x\n");
    expect(JSON.parse(renderOne(thing, [], "json"))).toEqual(thing);
    expect(renderOne(thing, [], "ndjson")).toBe(`${JSON.stringify(thing)}\n`);
  });
});
