// A model with everything that a device needs to answer and to learn: five content-addressed parts. It must not read files.
import {
  accept,
  BLOB_BLOCK_BYTES,
  type BlobRef,
  type Digest,
  digestOf,
  elementCount,
  type Hashing,
  type LineId,
  type ModelVersion,
  MQTT_PAYLOAD_BYTES_MAX,
  modelVersionOf,
  type Outcome,
  type ParameterSet,
  type ReleaseParts,
  refuse,
} from "@attune/protocol";
import { createOodScorer } from "../core/ood/oodProfile.ts";
import type { CompiledServing } from "../model/compile/compileServing.ts";
import type { Calibration } from "./calibration.ts";
import type { Learning } from "./learning.ts";
import { oodInputLength } from "./oodInput.ts";
import { type Preprocessing, windowLength } from "./preprocessing.ts";
import type { ServingForm } from "./servingForm.ts";

/** Name of a part, as in a release record. */
export type PartName = keyof ReleaseParts;

/** The exact bytes of each part: what is hashed, stored and sent. */
export type PartBytes = Readonly<Record<PartName, Uint8Array>>;

/** What a loaded model takes and gives. */
export type ServedSizes = Pick<
  CompiledServing,
  "sampleDims" | "logitCount" | "featureCount" | "batchSize"
>;

/** Digests of the parts. */
export type PartDigests = Readonly<Record<PartName, Digest>>;

/** In the order in which they are checked, small ones first. */
export const partNames: readonly PartName[] = [
  "preprocessing",
  "learning",
  "calibration",
  "graph",
  "parameters",
];

/** A model package; made by `readModelParts`, and from what has passed it, only. */
export interface ModelPackage {
  readonly line: LineId;
  readonly bytes: PartBytes;
  /** The ONNX graph without its parameters; see `modelOf`. */
  readonly graph: Uint8Array;
  readonly parameters: ParameterSet;
  readonly preprocessing: Preprocessing;
  readonly calibration: Calibration;
  readonly learning: Learning;
  /** What loading it takes, where somebody has made it ready: package files have it; else it is made when it is loaded. */
  readonly serving?: ServingForm | undefined;
}

/**
 * Whether a model's shapes are those that its package speaks of.
 *
 * @returns `input.shape_mismatch`
 */
export function checkSizes(
  { preprocessing, calibration }: ModelPackage,
  { sampleDims, logitCount, featureCount, batchSize }: ServedSizes,
): Outcome<null> {
  const { ood } = calibration;
  const scorer = createOodScorer(ood.profile);
  const facts = [
    ["numbers a sample", elementCount(sampleDims), windowLength(preprocessing)],
    ["scores", logitCount, preprocessing.labels.length],
    // 0 where the score does not look at features, or at class scores.
    [
      "numbers for its out-of-distribution score",
      scorer.dimension === 0 ? 0 : oodInputLength(ood.input, preprocessing, featureCount),
      scorer.dimension,
    ],
    [
      "scores for its out-of-distribution score",
      scorer.classCount === 0 ? 0 : logitCount,
      scorer.classCount,
    ],
  ] as const;
  for (const [what, has, wanted] of facts) {
    if (has !== wanted) {
      return refuse(
        "input.shape_mismatch",
        `the model has ${has} ${what}, the package speaks of ${wanted}; make the package from the same model`,
      );
    }
  }
  if (batchSize !== undefined) {
    return refuse(
      "input.shape_mismatch",
      `the model has a fixed batch of ${batchSize}; export it with a batch of unknown size`,
    );
  }
  return accept(null);
}

/** Digests of a package's parts. */
export function partDigests({ bytes }: Pick<ModelPackage, "bytes">, hashing: Hashing): PartDigests {
  return {
    graph: digestOf(hashing, bytes.graph),
    parameters: digestOf(hashing, bytes.parameters),
    preprocessing: digestOf(hashing, bytes.preprocessing),
    calibration: digestOf(hashing, bytes.calibration),
    learning: digestOf(hashing, bytes.learning),
  };
}

/** The ModelVersion of a package. */
export function versionOf(
  modelPackage: Pick<ModelPackage, "bytes">,
  hashing: Hashing,
): ModelVersion {
  return modelVersionOf(partDigests(modelPackage, hashing), hashing);
}

/** Where a package's parts can be had, for a release record. */
export function partRefs({ bytes }: ModelPackage, hashing: Hashing): ReleaseParts {
  return {
    graph: blobRefOf(bytes.graph, hashing),
    parameters: blobRefOf(bytes.parameters, hashing),
    preprocessing: blobRefOf(bytes.preprocessing, hashing),
    calibration: blobRefOf(bytes.calibration, hashing),
    learning: blobRefOf(bytes.learning, hashing),
  };
}

/** A reference to a blob: with digests of its blocks when it is too large for one MQTT message. */
export function blobRefOf(bytes: Uint8Array, hashing: Hashing): BlobRef {
  const ref = { digest: digestOf(hashing, bytes), bytes: bytes.length };
  if (bytes.length <= MQTT_PAYLOAD_BYTES_MAX) return ref;
  const blocks: Digest[] = [];
  for (let at = 0; at < bytes.length; at += BLOB_BLOCK_BYTES) {
    blocks.push(digestOf(hashing, bytes.subarray(at, at + BLOB_BLOCK_BYTES)));
  }
  return { ...ref, blocks };
}
