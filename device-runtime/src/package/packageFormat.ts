// What a package file begins with, and what holds it together. It must not read one.
import { type Digest, digestOf, type Hashing } from "@attune/protocol";
import { type ModelPackage, versionOf } from "./modelPackage.ts";

/** First fields of a package file. */
export const PACKAGE_FORMAT = { format: "attune-model-package", formatVersion: 1 } as const;

/**
 * Which checks a package has passed: rises with every change of what the schemas of packages accept, so that what passed others is checked
 * again. A test keeps it.
 */
export const PACKAGE_CHECKS = 1;

/** Of everything in a package: the ModelVersion leaves line and learning out. */
export function packageChecksum(
  modelPackage: Pick<ModelPackage, "line" | "bytes">,
  serving: Uint8Array | undefined,
  hashing: Hashing,
): Digest {
  const version = versionOf(modelPackage, hashing);
  const learning = digestOf(hashing, modelPackage.bytes.learning);
  const form = serving === undefined ? "" : `\0${digestOf(hashing, serving)}`;
  const text = `attune/v1/model-package\0${modelPackage.line}\0${version}\0${learning}${form}`;
  return digestOf(hashing, new TextEncoder().encode(text));
}
