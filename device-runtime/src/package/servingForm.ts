// A package's model made ready to answer: made once where the package is made or a version is taken on, so that answering needs nothing that
// reads models. It must not look into the graph.
import {
  accept,
  type Digest,
  digestOf,
  elementCount,
  type Hashing,
  type Outcome,
  type ParameterSet,
  refuse,
} from "@attune/protocol";
import type { CompiledServing } from "../model/compile/compileServing.ts";

/** Where a parameter that is no input belongs. */
export interface ServingGap {
  readonly name: string;
  /** From the start of the whole graph. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** What loading a model for answers takes, but for its parameters. Depends on the package's graph and training plan alone. */
export interface ServingForm
  extends Pick<
    CompiledServing,
    "names" | "parameters" | "sampleDims" | "logitCount" | "featureCount"
  > {
  /** Digests of what it was made of: the package's graph, and its learning part, whose plan says which parameters are inputs. */
  readonly madeOf: { readonly graph: Digest; readonly learning: Digest };
  /** ONNX without the bytes of its gaps. */
  readonly graph: Uint8Array;
  /** Offsets ascend. */
  readonly gaps: readonly ServingGap[];
  /** Whether the scope leaves features as they are, as the last layer does. */
  readonly areFeaturesShared: boolean;
}

/** Digests of what a serving form is made of. */
export function servingSources(
  bytes: { readonly graph: Uint8Array; readonly learning: Uint8Array },
  hashing: Hashing,
): ServingForm["madeOf"] {
  return {
    graph: digestOf(hashing, bytes.graph),
    learning: digestOf(hashing, bytes.learning),
  };
}

/** Whether a form was made of these parts. */
export function isMadeOf({ madeOf }: ServingForm, sources: ServingForm["madeOf"]): boolean {
  return madeOf.graph === sources.graph && madeOf.learning === sources.learning;
}

/**
 * The graph to load, with a version's parameters in its gaps.
 *
 * - Pure, O(bytes).
 *
 * @param parameters at least those of the gaps
 * @returns `model.malformed` when the form's gaps do not fit its graph, `model.parameter_mismatch` when a parameter does not fit its gap
 */
export function fillServing(
  { graph, gaps }: Pick<ServingForm, "graph" | "gaps">,
  parameters: ParameterSet,
): Outcome<Uint8Array> {
  const byName = new Map(parameters.map((tensor) => [tensor.name, tensor]));
  const gapBytes = gaps.reduce((sum, { length }) => sum + length, 0);
  const whole = new Uint8Array(graph.length + gapBytes);
  let from = 0;
  let to = 0;
  for (const { name, offset, length } of gaps) {
    const before = offset - to;
    if (before < 0 || from + before > graph.length) {
      return refuse(
        "model.malformed",
        `the serving form has its gap for ${name} elsewhere; make the package again`,
      );
    }
    const tensor = byName.get(name);
    if (tensor === undefined || elementCount(tensor.dims) * 4 !== length) {
      return refuse(
        "model.parameter_mismatch",
        `the serving form needs ${length} bytes of ${name}; make the package again`,
      );
    }
    whole.set(graph.subarray(from, from + before), to);
    const { buffer, byteOffset } = tensor.data;
    whole.set(new Uint8Array(buffer, byteOffset, length), offset);
    from += before;
    to = offset + length;
  }
  whole.set(graph.subarray(from), to);
  return accept(whole);
}
