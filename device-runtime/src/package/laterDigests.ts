// Digests of a package's parts by hashes that may take their time. It must not read the parts.
import { digestLater, type LaterHashing } from "@attune/protocol";
import type { PartBytes, PartDigests } from "./modelPackage.ts";

/** Digests of parts. */
export async function laterDigests(bytes: PartBytes, hashing: LaterHashing): Promise<PartDigests> {
  const [graph, parameters, preprocessing, calibration, learning] = await Promise.all([
    digestLater(hashing, bytes.graph),
    digestLater(hashing, bytes.parameters),
    digestLater(hashing, bytes.preprocessing),
    digestLater(hashing, bytes.calibration),
    digestLater(hashing, bytes.learning),
  ]);
  return { graph, parameters, preprocessing, calibration, learning };
}
