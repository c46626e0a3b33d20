// Data as a table for people, or as JSON for programs. It must not fetch or decide anything.

/** `-o`: what stdout gets. */
export type OutputFormat = "table" | "json" | "ndjson";

export const outputFormats: readonly OutputFormat[] = ["table", "json", "ndjson"];

/** One column of a table; programs get the whole row and do not see it. */
export interface Column<Row> {
  readonly header: string;
  readonly value: (row: Row) => string;
  readonly align?: "right";
}

/**
 * Rows as text.
 *
 * - `table`: aligned columns under a header; nothing at all for no rows, the caller says so on stderr
 * - `json`: one array; `ndjson`: one line a row
 *
 * @param columnsMax characters of a line, longer ones are cut with an ellipsis; `Infinity` where no person looks
 * @example
 * renderRows([{ id: "a" }], [{ header: "ID", value: (row) => row.id }], "table", 80); // => "ID\na\n"
 */
export function renderRows<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  format: OutputFormat,
  columnsMax: number,
): string {
  if (format === "json") return `${JSON.stringify(rows, null, 2)}\n`;
  if (format === "ndjson") return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  if (rows.length === 0) return "";
  const cells = rows.map((row) => columns.map(({ value }) => value(row)));
  const widths = columns.map(({ header }, index) =>
    Math.max(header.length, ...cells.map((line) => (line[index] ?? "").length)),
  );
  return [columns.map(({ header }) => header), ...cells]
    .map((line) =>
      cut(
        line
          .map((cell, index) => {
            const width = widths[index] ?? 0;
            return columns[index]?.align === "right" ? cell.padStart(width) : cell.padEnd(width);
          })
          .join("  ")
          .trimEnd(),
        columnsMax,
      ),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** One labelled value of a single thing. */
export type Field = readonly [label: string, value: string];

/**
 * One thing as text: labels and values for people, the thing itself for programs.
 *
 * @example
 * renderOne({ id: "a" }, [["id", "a"]], "ndjson"); // => "{\"id\":\"a\"}\n"
 */
export function renderOne(thing: unknown, fields: readonly Field[], format: OutputFormat): string {
  if (format === "json") return `${JSON.stringify(thing, null, 2)}\n`;
  if (format === "ndjson") return `${JSON.stringify(thing)}\n`;
  const width = Math.max(0, ...fields.map(([label]) => label.length));
  return fields.map(([label, value]) => `${label.padEnd(width)}  ${value}\n`).join("");
}

const cut = (line: string, columnsMax: number): string =>
  line.length > columnsMax ? `${line.slice(0, Math.max(0, columnsMax - 1))}…` : line;
