// Draws a report as a table for a person. Pure: text in, text out; decides no bar.

import type { Environment } from "./environment.ts";
import type { Bar, Column, ResultRow } from "./suite.ts";

/** What one run of a suite says; `--json` prints exactly this. */
export interface Report {
  readonly bench: string;
  readonly environment: Environment;
  readonly results: readonly ResultRow[];
  readonly bars: readonly Bar[];
}

/** The report as text: heading, table, bars, and one line on where it was measured. */
export function renderReport(title: string, columns: readonly Column[], report: Report): string {
  const parts = [
    `${report.bench}: ${title}`,
    "",
    ...renderTable(columns, report.results),
    "",
    ...report.bars.map(renderBar),
    ...(report.bars.length > 0 ? [""] : []),
    ...renderEnvironment(report.environment),
  ];
  return `${parts.join("\n")}\n`;
}

function renderTable(columns: readonly Column[], rows: readonly ResultRow[]): string[] {
  const cells = rows.map((row) => columns.map((column) => renderCell(row[column.key], column)));
  const isNumeric = columns.map((column) =>
    rows.some((row) => typeof row[column.key] === "number"),
  );
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...cells.map((line) => line[index]?.length ?? 0)),
  );
  const renderLine = (line: readonly string[]): string =>
    line
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return isNumeric[index] ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [
    renderLine(columns.map((column) => column.title)),
    widths.map((width) => "─".repeat(width)).join("  "),
    ...cells.map(renderLine),
  ];
}

function renderCell(value: ResultRow[string] | undefined, column: Column): string {
  if (value === undefined || value === null) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" ? renderNumber(value, column.decimals) : value;
}

/**
 * A number for a person: grouped thousands; with `decimals` exactly so many of them, else three
 * significant digits, whole from 1,000 on.
 *
 * @example
 * renderNumber(13637.2); // => "13,637"
 * @example
 * renderNumber(0.012345); // => "0.0123"
 */
export function renderNumber(value: number, decimals?: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (decimals !== undefined) {
    return value.toLocaleString("en-US", {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
    });
  }
  if (Math.abs(value) >= 1000) return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
  return value.toLocaleString("en-US", { maximumSignificantDigits: 3 });
}

function renderBar(bar: Bar): string {
  const mark = bar.holds ? "✓ holds " : "✗ BROKEN";
  return `${mark}  ${bar.name}: ${renderNumber(bar.value)} ${bar.op} ${renderNumber(bar.limit)}`;
}

function renderEnvironment(environment: Environment): string[] {
  const { cpu, coreCount, memoryGb, platform, node, packages, commit, loadAverage } = environment;
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version ?? "–"}`);
  const changes = environment.hasLocalChanges ? " with local changes" : "";
  return [
    `${cpu}, ${coreCount} cores, ${memoryGb} GB, ${platform}, load ${loadAverage} at the start`,
    [`node ${node}`, ...versions, `commit ${commit ?? "–"}${changes}`].join(", "),
  ];
}
