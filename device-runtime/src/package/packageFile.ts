// A model package as one file, to be bundled with an app or handed to a hub. It must not know where the file is.
import {
  type Cryptography,
  type Digest,
  decodeCbor,
  digestOf,
  encodeCbor,
  type Outcome,
  refuse,
} from "@attune/protocol";
import { PACKAGE_BYTES_MAX } from "./limits.ts";
import { type ModelPackage, readModelParts, versionOf } from "./modelPackage.ts";
import { PACKAGE_FORMAT, parsePackageFile } from "./packageSchemas.ts";

/** Of everything in a package: the ModelVersion leaves line and learning out. */
function checksumOf(modelPackage: ModelPackage, cryptography: Cryptography): Digest {
  const version = versionOf(modelPackage, cryptography);
  const learning = digestOf(cryptography, modelPackage.bytes.learning);
  const text = `attune/v1/model-package\0${modelPackage.line}\0${version}\0${learning}`;
  return digestOf(cryptography, new TextEncoder().encode(text));
}

/** The file of a package. The same package gives the same bytes. */
export function encodeModelPackage(
  modelPackage: ModelPackage,
  cryptography: Cryptography,
): Uint8Array {
  const { graph, parameters, preprocessing, calibration, learning } = modelPackage.bytes;
  return encodeCbor({
    ...PACKAGE_FORMAT,
    line: modelPackage.line,
    checksum: checksumOf(modelPackage, cryptography),
    parts: { preprocessing, learning, calibration, graph, parameters },
  });
}

/**
 * Reads a package file from anywhere.
 *
 * The checksum in the file finds damage, not malice: whoever changes a part can change it, too. What vouches for a release is
 * its signed record; what vouches for a bundled package is whoever installed the app.
 *
 * @returns `blob.too_large`, `frame.not_decodable`, `message.schema_invalid`, `version.mismatch`, or a refusal of a part
 */
export function decodeModelPackage(
  bytes: Uint8Array,
  cryptography: Cryptography,
): Outcome<ModelPackage> {
  if (bytes.length > PACKAGE_BYTES_MAX) {
    return refuse(
      "blob.too_large",
      `the package file has ${bytes.length} bytes, limit ${PACKAGE_BYTES_MAX}; make the model smaller`,
    );
  }
  const decoded = decodeCbor(bytes);
  if (!decoded.ok) {
    return refuse(
      decoded.refusal.code,
      `these ${bytes.length} bytes are no model package, or a part of one; give the whole file that attune model build or encodeModelPackage made`,
    );
  }
  const file = parsePackageFile(decoded.value);
  if (!file.ok) return file;
  const made = readModelParts(file.value.line, file.value.parts);
  if (!made.ok) return made;
  if (checksumOf(made.value, cryptography) !== file.value.checksum) {
    return refuse(
      "version.mismatch",
      `the package file of line ${file.value.line} does not hold what it was made with; it is damaged, copy it again`,
    );
  }
  return made;
}
