// What a browser or an older Node runs: the whole public door, and the frozen vectors through it.
import * as protocol from "../src/index.ts";
import { runVectors, type VectorRun } from "./runVectors.ts";
import { vectors } from "./vectors.ts";

/**
 * Runs the vectors where this is loaded.
 *
 * @param more what this runtime has besides the portable cryptography
 */
export function runEverywhere(
  more: Readonly<Record<string, protocol.Cryptography>> = {},
): VectorRun {
  return runVectors(protocol, { portable: protocol.portableCryptography, ...more }, vectors);
}
