// Writes a model package as one file, to be bundled with an app or handed to a hub. It compiles the model: this must not be reached by what a page
// loads at once.
import { encodeCbor, type Hashing } from "@attune/protocol";
import type { ModelPackage } from "./modelPackage.ts";
import { packageChecksum } from "./packageChecksum.ts";
import { PACKAGE_CHECKS, PACKAGE_FORMAT } from "./packageFormat.ts";
import { prepareServing } from "./prepareServing.ts";
import { servingSources } from "./servingForm.ts";

/**
 * The file of a package, with its model made ready to answer. The same package gives the same bytes.
 *
 * A model that cannot be made ready is left as it is: whoever loads it is told why.
 */
export function encodeModelPackage(modelPackage: ModelPackage, hashing: Hashing): Uint8Array {
  const { graph, parameters, preprocessing, calibration, learning } = modelPackage.bytes;
  const prepared =
    modelPackage.serving === undefined
      ? prepareServing(modelPackage, servingSources(modelPackage.bytes, hashing))
      : null;
  const form = prepared?.ok === true ? prepared.value : modelPackage.serving;
  const serving = form === undefined ? undefined : encodeCbor(form);
  return encodeCbor({
    ...PACKAGE_FORMAT,
    line: modelPackage.line,
    checksum: packageChecksum(modelPackage, serving, hashing),
    parts: { preprocessing, learning, calibration, graph, parameters },
    ...(serving === undefined ? {} : { serving, checks: PACKAGE_CHECKS }),
  });
}
