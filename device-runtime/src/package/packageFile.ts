// A model package as one file, to be bundled with an app or handed to a hub. It must not know where the file is.
import {
  type Cryptography,
  decodeCbor,
  encodeCbor,
  type Outcome,
  refuse,
  shortVersion,
} from "@attune/protocol";
import { PACKAGE_BYTES_MAX } from "./limits.ts";
import { type ModelPackage, readModelParts, versionOf } from "./modelPackage.ts";
import { PACKAGE_FORMAT, parsePackageFile } from "./packageSchemas.ts";

/** The file of a package. The same package gives the same bytes. */
export function encodeModelPackage(
  modelPackage: ModelPackage,
  cryptography: Cryptography,
): Uint8Array {
  const { graph, parameters, preprocessing, calibration, learning } = modelPackage.bytes;
  return encodeCbor({
    ...PACKAGE_FORMAT,
    line: modelPackage.line,
    version: versionOf(modelPackage, cryptography),
    parts: { preprocessing, learning, calibration, graph, parameters },
  });
}

/**
 * Reads a package file from anywhere.
 *
 * The ModelVersion in the file finds damage, not malice: whoever changes a part can change it, too. What vouches for a release is
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
  if (!decoded.ok) return decoded;
  const file = parsePackageFile(decoded.value);
  if (!file.ok) return file;
  const made = readModelParts(file.value.line, file.value.parts);
  if (!made.ok) return made;
  const version = versionOf(made.value, cryptography);
  if (version !== file.value.version) {
    return refuse(
      "version.mismatch",
      `the package file says ${shortVersion(file.value.line, file.value.version)}, its parts are ${shortVersion(file.value.line, version)}; it is damaged, copy it again`,
    );
  }
  return made;
}
