// The trajectories of `vectors/torch-parity`, and what in them can be compared. For tests only.
import { unwrap } from "@attune/protocol";
import { exposeParameters } from "../src/model/parameters/exposeParameters.ts";
import { type ParityCase, readParityCase } from "./torchParityCase.ts";

/** Every case, by name. */
export const parityNames = ["mlp", "cnn1d", "cnn2d", "transformer"] as const;

/** Reads a case as PyTorch trained it. */
export function parityCase(name: (typeof parityNames)[number]): ParityCase {
  // The exporter wrote the transformer's two normalisations as one, because their fresh values are equal; PyTorch trained two.
  return readParityCase(name, (model) =>
    unwrap(exposeParameters(model, { untie: name === "transformer" })),
  );
}
