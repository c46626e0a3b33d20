// How people read and type a version. A part of its own: it needs no schema.
import type { LineId, ModelVersion } from "./ids.ts";

/**
 * The short form of a ModelVersion that people read and type: `line@` and its first 8 digits.
 *
 * @example
 * shortVersion("activity" as LineId, "7c1f09aa".padEnd(64, "0") as ModelVersion); // => "activity@7c1f09aa"
 */
export function shortVersion(line: LineId, version: ModelVersion): string {
  return `${line}@${version.slice(0, 8)}`;
}
