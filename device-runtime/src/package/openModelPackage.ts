// Opens the package that came with an app. It must not take one from a stranger: who made the file is trusted like who made the app.
import {
  accept,
  type Digest,
  decodeCbor,
  digestLater,
  type LaterHashing,
  type LineId,
  modelVersionLater,
  type Outcome,
  unwrap,
} from "@attune/protocol";
import { laterCode } from "../adapters/laterCode.ts";
import { platformHashing } from "../adapters/platformHashing.ts";
import { openCheckedParts } from "./checkedParts.ts";
import { laterDigests } from "./laterDigests.ts";
import { PACKAGE_BYTES_MAX } from "./limits.ts";
import { type ModelPackage, type PartBytes, partNames } from "./modelPackage.ts";
import { checksumText, PACKAGE_CHECKS, PACKAGE_FORMAT } from "./packageFormat.ts";
import type { ServingForm } from "./servingForm.ts";

/** A package file that says that it has passed the checks of this runtime, and holds everything that answering takes. */
interface CheckedFile {
  readonly line: LineId;
  readonly parts: PartBytes;
  readonly serving: Uint8Array;
  readonly checksum: string;
}

/**
 * Opens the package file that came with an app, such as one that a page has fetched from where it came from itself.
 *
 * `encodeModelPackage` writes only what has passed every check of packages, and says which. A file that says so, and whose checksum shows that it
 * is whole, is read and not checked again; any other is given to `decodeModelPackage`, which loads for it. For a file from elsewhere take
 * `decodeModelPackage` itself: a checksum finds damage, not malice.
 *
 * @param hashing the platform's own when left out
 * @returns what `decodeModelPackage` returns
 * @throws Fault `runtime.code_unavailable` when a file has to be checked and what checks cannot be loaded
 */
export async function openModelPackage(
  bytes: Uint8Array,
  hashing: LaterHashing = platformHashing,
): Promise<Outcome<ModelPackage>> {
  const file = checkedFile(bytes);
  if (file !== null && (await checksumOf(file, hashing)) === file.checksum) {
    const opened = openCheckedParts(file.line, file.parts);
    if (!opened.ok) return opened;
    const serving = unwrap(decodeCbor(file.serving)) as ServingForm;
    return accept({ ...opened.value, serving });
  }
  const { decodeModelPackage } = await laterCode(
    "what checks model packages",
    () => import("./packageFile.ts"),
  );
  return decodeModelPackage(bytes);
}

async function checksumOf(
  { line, parts, serving }: CheckedFile,
  hashing: LaterHashing,
): Promise<Digest> {
  const digests = await laterDigests(parts, hashing);
  const text = checksumText({
    line,
    version: await modelVersionLater(digests, hashing),
    learning: digests.learning,
    serving: await digestLater(hashing, serving),
  });
  return digestLater(hashing, text);
}

/** The file, if it is one that need not be checked; null for any other, whatever is wrong with it. */
function checkedFile(bytes: Uint8Array): CheckedFile | null {
  const decoded = bytes.length > PACKAGE_BYTES_MAX ? null : decodeCbor(bytes);
  if (decoded?.ok !== true) return null;
  const file = (decoded.value ?? {}) as Readonly<Record<string, unknown>>;
  const { line, parts, serving, checksum } = file;
  const isChecked =
    file.format === PACKAGE_FORMAT.format &&
    file.formatVersion === PACKAGE_FORMAT.formatVersion &&
    file.checks === PACKAGE_CHECKS &&
    typeof line === "string" &&
    typeof checksum === "string" &&
    serving instanceof Uint8Array &&
    typeof parts === "object" &&
    parts !== null;
  if (!isChecked) return null;
  const named = parts as Readonly<Record<string, unknown>>;
  return partNames.every((name) => named[name] instanceof Uint8Array)
    ? { line: line as LineId, parts: named as unknown as PartBytes, serving, checksum }
    : null;
}
