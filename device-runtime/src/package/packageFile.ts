// Reads a model package that is one file, from anywhere, such as an operator who hands it to a hub. It brings every schema: this must not be
// reached by what a page loads at once.
import {
  accept,
  decodeCbor,
  type Hashing,
  type Outcome,
  portableHashing,
  refuse,
} from "@attune/protocol";
import { PACKAGE_BYTES_MAX } from "./limits.ts";
import type { ModelPackage } from "./modelPackage.ts";
import { packageChecksum } from "./packageChecksum.ts";
import { parsePackageFile, parseServing } from "./packageSchemas.ts";
import { readModelParts } from "./readModelParts.ts";
import { isMadeOf, servingSources } from "./servingForm.ts";

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
  hashing: Hashing = portableHashing,
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
  const form = file.value.serving;
  const serving = form === undefined ? undefined : parseServing(form);
  if (serving?.ok === false) return serving;
  const isWhole =
    packageChecksum(made.value, form, hashing) === file.value.checksum &&
    (serving === undefined || isMadeOf(serving.value, servingSources(made.value.bytes, hashing)));
  if (!isWhole) {
    return refuse(
      "version.mismatch",
      `the package file of line ${file.value.line} does not hold what it was made with; it is damaged, copy it again`,
    );
  }
  return serving === undefined ? made : accept({ ...made.value, serving: serving.value });
}
