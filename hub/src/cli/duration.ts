// Spans of time as people type and read them. It must not ask what time it is.

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Reads a span such as `30m`, `1.5h` or `7d`.
 *
 * @returns milliseconds, or `null` when it is no span
 * @example
 * parseDuration("30m"); // => 1800000
 * parseDuration("soon"); // => null
 */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim());
  const unit = unitMs[match?.[2] ?? ""];
  return match === null || unit === undefined ? null : Math.round(Number(match[1]) * unit);
}

/**
 * A span in its largest fitting unit, rounded down; for "3 min ago" and "in 40 s".
 *
 * @example
 * formatDuration(95_000); // => "1 min"
 */
export function formatDuration(spanMs: number): string {
  const span = Math.max(0, spanMs);
  if (span < 1000) return `${Math.floor(span)} ms`;
  if (span < 60_000) return `${Math.floor(span / 1000)} s`;
  if (span < 3_600_000) return `${Math.floor(span / 60_000)} min`;
  if (span < 172_800_000) return `${Math.floor(span / 3_600_000)} h`;
  return `${Math.floor(span / 86_400_000)} d`;
}
