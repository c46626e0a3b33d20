// The frozen vectors: added, never edited. What they hold is wire format and arithmetic; a change of either is a new protocol version.
import type { Vectors } from "./runVectors.ts";
import deltas from "./vectors/deltas.json" with { type: "json" };
import messages from "./vectors/messages.json" with { type: "json" };
import names from "./vectors/names.json" with { type: "json" };
import parameters from "./vectors/parameters.json" with { type: "json" };
import refusals from "./vectors/refusals.json" with { type: "json" };
import signatures from "./vectors/signatures.json" with { type: "json" };

export const vectors: Vectors = {
  messages,
  refusals,
  parameters,
  deltas,
  signatures,
  names,
} as unknown as Vectors;
