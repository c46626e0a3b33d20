// Numbers and times in the page's words. Pure.
import { formatDuration } from "../../src/cli/duration.ts";

/** `2 devices`, `1 device`. */
export function countOf(count: number, singular: string, plural = `${singular}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? singular : plural}`;
}

/** A difference of shares in points, with a true minus sign. */
export function points(share: number): string {
  const text = Math.abs(share * 100).toFixed(1);
  return `${share < 0 && text !== "0.0" ? "−" : "+"}${text}`;
}

/** `3 min ago`, `in 40 s`. */
export function fromNow(atMs: number, nowMs: number): string {
  return atMs > nowMs
    ? `in ${formatDuration(atMs - nowMs)}`
    : `${formatDuration(nowMs - atMs)} ago`;
}

/** A number of evidence: three figures, large ones short. */
export function evidenceText(value: number): string {
  if (value >= 1e6) return value.toExponential(0).replace("e+", " × 10^");
  if (value >= 100) return Math.round(value).toLocaleString("en");
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
