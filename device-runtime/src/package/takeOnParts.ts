// A version that a device takes on: its parts are checked, and its model is made ready to answer. It brings every schema and compiles: this must not
// be reached by what a page loads at once.
import { accept, type LineId, type Outcome } from "@attune/protocol";
import type { ModelPackage, PartBytes } from "./modelPackage.ts";
import { prepareServing } from "./prepareServing.ts";
import { readModelParts } from "./readModelParts.ts";
import type { ServingForm } from "./servingForm.ts";

/** A package that is ready to answer. */
export type ReadyPackage = ModelPackage & { readonly serving: ServingForm };

/**
 * Reads a package from parts that nobody has checked yet, and makes it ready to answer.
 *
 * @param madeOf digests of the graph and the learning part
 * @returns what `readModelParts` and `prepareServing` return
 */
export function takeOnParts(
  line: LineId,
  bytes: PartBytes,
  madeOf: ServingForm["madeOf"],
): Outcome<ReadyPackage> {
  const read = readModelParts(line, bytes);
  if (!read.ok) return read;
  const prepared = prepareServing(read.value, madeOf);
  return prepared.ok ? accept({ ...read.value, serving: prepared.value }) : prepared;
}
