// The checksum of a package file, where hashes are made at once. It must not read a file.
import { type Digest, digestOf, type Hashing } from "@attune/protocol";
import { type ModelPackage, versionOf } from "./modelPackage.ts";
import { checksumText } from "./packageFormat.ts";

/** Of everything in a package, and of its serving form where the file has one. */
export function packageChecksum(
  modelPackage: Pick<ModelPackage, "line" | "bytes">,
  serving: Uint8Array | undefined,
  hashing: Hashing,
): Digest {
  const text = checksumText({
    line: modelPackage.line,
    version: versionOf(modelPackage, hashing),
    learning: digestOf(hashing, modelPackage.bytes.learning),
    serving: serving === undefined ? undefined : digestOf(hashing, serving),
  });
  return digestOf(hashing, text);
}
