// What a package file begins with, and what holds it together. It must not read one.
import type { Digest, LineId, ModelVersion } from "@attune/protocol";

/** First fields of a package file. */
export const PACKAGE_FORMAT = { format: "attune-model-package", formatVersion: 1 } as const;

/**
 * Which checks a package has passed: rises with every change of what the schemas of packages accept, so that what passed others is checked
 * again. A test keeps it.
 */
export const PACKAGE_CHECKS = 3;

/** What the checksum of a package file is made of: everything in it. The ModelVersion leaves line and learning out. */
export function checksumText(holds: {
  readonly line: LineId;
  readonly version: ModelVersion;
  readonly learning: Digest;
  /** Undefined where the file has no serving form. */
  readonly serving: Digest | undefined;
}): Uint8Array {
  const { line, version, learning, serving } = holds;
  const form = serving === undefined ? "" : `\0${serving}`;
  return new TextEncoder().encode(
    `attune/v1/model-package\0${line}\0${version}\0${learning}${form}`,
  );
}
