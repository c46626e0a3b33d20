// What lines wait for and the hub has to work out: summing a window, comparing parameters, answering the validation set.
import {
  accept,
  assertDefect,
  BLOB_BLOCK_BYTES,
  type BlobRef,
  contributionMessage,
  DELTA_BYTES_MAX,
  type Digest,
  decodeDelta,
  decodeMessage,
  decodeParameters,
  deltaBetween,
  deltaNorm,
  digestOf,
  type ModelVersion,
  MQTT_PAYLOAD_BYTES_MAX,
  modelVersionOf,
  type Outcome,
  type ParameterSet,
  type ReleaseParts,
  refuse,
  unwrap,
} from "@attune/protocol";
import { contributionsDigest } from "../core/aggregate/contributionPool.ts";
import { createExactSum, type ExactSum } from "../core/aggregate/exactSum.ts";
import { type CandidateParameters, makeCandidate } from "../core/aggregate/makeCandidate.ts";
import { brokenVariance } from "../core/gate/brokenVariance.ts";
import { createReproducibleRandom } from "../core/gate/reproducibleRandom.ts";
import { judgeSanity } from "../core/gate/sanityGate.ts";
import { judgeSlices, judgeValidation } from "../core/gate/validationGate.ts";
import type { PendingWork } from "../core/rollout/lineEvents.ts";
import { AGGREGATE_ROWS_MAX } from "../limits.ts";
import type { ModelJudge } from "../ports/modelJudge.ts";
import type { VersionRow } from "../ports/store.ts";
import type { HubContext } from "./hubContext.ts";
import type { LineMemory } from "./hubMemory.ts";
import type { WorkResult } from "./lineRunner.ts";
import type { ParameterShelf } from "./parameterShelf.ts";

/** Does one piece of work. */
export type LineWork = (line: LineMemory, work: PendingWork) => Promise<WorkResult>;

/** Creates the worker of a hub's lines. */
export function createLineWork(
  context: HubContext,
  shelf: ParameterShelf,
  judge: ModelJudge,
): LineWork {
  return (line, work) => {
    switch (work.kind) {
      case "aggregate":
        return aggregate(context, shelf, line, work);
      case "compare":
        return compare(context, shelf, line, work);
      case "validate":
        return validate(context, shelf, judge, line, work);
    }
  };
}

/** Where a blob's bytes are checked while they come in: in blocks, when it does not fit one MQTT message. */
export async function storeBlob(
  { blobs, cryptography }: Pick<HubContext, "blobs" | "cryptography">,
  bytes: Uint8Array,
): Promise<BlobRef> {
  const digest = await blobs.put(bytes);
  if (bytes.length <= MQTT_PAYLOAD_BYTES_MAX) return { digest, bytes: bytes.length };
  const blocks: Digest[] = [];
  for (let at = 0; at < bytes.length; at += BLOB_BLOCK_BYTES) {
    blocks.push(digestOf(cryptography, bytes.subarray(at, at + BLOB_BLOCK_BYTES)));
  }
  return { digest, bytes: bytes.length, blocks };
}

/** Sums a closed window, a few contributions in memory at a time, and makes the candidate of it. */
async function aggregate(
  context: HubContext,
  shelf: ParameterShelf,
  line: LineMemory,
  work: PendingWork & { kind: "aggregate" },
): Promise<WorkResult> {
  const { clock, cryptography, memory } = context;
  const { row } = line;
  const { challengerId, window } = work;
  const champion = row.state.challenger?.champion ?? null;
  const base = champion === null ? null : await shelf.of(champion);
  const baseRow = champion === null ? undefined : memory.versions.get(champion);
  assertDefect(base !== null && baseRow !== undefined, "version.missing", "a window needs a base");
  const { sum, digests } = await sumWindow(context, line, window, base);
  const made = makeCandidate(base, sum.mean());
  const failed = (reason: string): WorkResult => ({
    event: { type: "prepareFailed", challengerId, reason },
  });
  if (!made.ok) return failed(made.refusal.message);
  const parameters = await storeBlob(context, made.value.parameterBytes);
  const parts = { ...baseRow.parts, parameters };
  const version = versionOfParts(parts, context);
  if (memory.versions.has(version)) {
    return failed(
      `the mean of ${digests.length} contributions makes a version that exists already`,
    );
  }
  const delta = await storeBlob(context, made.value.delta);
  const candidate: VersionRow = {
    version,
    line: row.line,
    generation: baseRow.generation + 1,
    securityEpoch: row.state.securityEpoch,
    parent: baseRow.version,
    parts,
    delta: { base: baseRow.version, blob: delta },
    lineage: {
      source: "aggregate",
      base: baseRow.version,
      contributions: contributionsDigest(digests, cryptography),
      contributionCount: digests.length,
    },
    window,
    note: `window ${window}: ${digests.length} contributions, ${sum.weight} examples`,
    createdAtMs: Math.floor(clock.nowMs()),
    status: "candidate",
    isBaked: false,
    gate: null,
    record: null,
  };
  return {
    event: {
      type: "prepared",
      challengerId,
      version,
      delta,
      shadowVersion: version,
      deltaMissing: "",
      norm: made.value.norm,
      contributionCount: digests.length,
    },
    changes: [{ kind: "version", row: candidate }],
  };
}

/**
 * The exact sum of a window's contributions, from the database: the same bytes whoever sums, whenever, in whatever order they
 * had arrived.
 */
async function sumWindow(
  { store }: Pick<HubContext, "store">,
  { row }: Pick<LineMemory, "row">,
  window: number,
  base: ParameterSet,
): Promise<{ readonly sum: ExactSum; readonly digests: readonly Digest[] }> {
  const { clipNorm, examplesMax } = row.policy.intake;
  const sum = createExactSum(base);
  const digests: Digest[] = [];
  for (;;) {
    const after = digests.at(-1) ?? null;
    const rows = await store.windowContributions(row.line, window, after, AGGREGATE_ROWS_MAX);
    for (const { frame, digest, weight } of rows) {
      const { value } = unwrap(decodeMessage(contributionMessage, frame));
      const delta = unwrap(decodeDelta(value.delta, base));
      sum.add(delta, Math.min(weight, examplesMax), deltaNorm(delta), clipNorm);
      digests.push(digest);
    }
    if (rows.length < AGGREGATE_ROWS_MAX) return { sum, digests };
  }
}

/** What an imported version is to the champion: its place in the lineage, and a delta for the devices' comparison if one fits. */
async function compare(
  context: HubContext,
  shelf: ParameterShelf,
  line: LineMemory,
  work: PendingWork & { kind: "compare" },
): Promise<WorkResult> {
  const { memory } = context;
  const { challengerId, version } = work;
  const row = memory.versions.get(version);
  assertDefect(row !== undefined, "version.missing", `version ${version} has no row`);
  const champion = line.row.state.challenger?.champion ?? null;
  const championRow = champion === null ? undefined : memory.versions.get(champion);
  const generation = championRow === undefined ? row.generation : championRow.generation + 1;
  const fit =
    championRow === undefined
      ? refuse("base.unknown", "there is no champion")
      : await fitDelta(context, shelf, championRow, row);
  return {
    event: {
      type: "prepared",
      challengerId,
      version,
      delta: fit.ok ? fit.value.delta : null,
      shadowVersion: fit.ok ? fit.value.shadowVersion : null,
      deltaMissing: fit.ok ? "" : fit.refusal.message,
      norm: null,
      contributionCount: 0,
    },
    changes: [{ kind: "version", row: { ...row, generation } }],
  };
}

/**
 * An imported version as a delta from the champion, so that devices can answer with it in shadow. The codec rounds to int8, so
 * what they compare is its nearest neighbour, with a name of its own.
 */
async function fitDelta(
  context: HubContext,
  shelf: ParameterShelf,
  champion: VersionRow,
  challenger: VersionRow,
): Promise<Outcome<{ readonly delta: BlobRef; readonly shadowVersion: ModelVersion }>> {
  const unfit = (what: string): ReturnType<typeof refuse> => refuse("delta.shape_mismatch", what);
  if (champion.parts.graph.digest !== challenger.parts.graph.digest) {
    return unfit("it has another graph than the champion");
  }
  if (champion.parts.preprocessing.digest !== challenger.parts.preprocessing.digest) {
    return unfit("it has another preprocessing than the champion");
  }
  const base = await shelf.of(champion.version);
  const trained = await shelf.of(challenger.version);
  if (base === null || trained === null || !hasSameTensors(base, trained)) {
    return unfit("it has other tensors than the champion");
  }
  const neighbour = neighbourOf(base, trained);
  if (!neighbour.ok) return unfit("its difference to the champion does not fit one message");
  const parameters = {
    ...champion.parts.parameters,
    digest: digestOf(context.cryptography, neighbour.value.parameterBytes),
  };
  const shadowVersion = versionOfParts({ ...champion.parts, parameters }, context);
  return accept({ delta: await storeBlob(context, neighbour.value.delta), shadowVersion });
}

function neighbourOf(base: ParameterSet, trained: ParameterSet): Outcome<CandidateParameters> {
  const delta = deltaBetween(base, trained).filter(({ values }) =>
    values.some((value) => value !== 0),
  );
  const made = makeCandidate(base, delta);
  if (!made.ok) return made;
  return made.value.delta.length <= DELTA_BYTES_MAX
    ? made
    : refuse("delta.not_decodable", `delta has ${made.value.delta.length} bytes`);
}

function hasSameTensors(a: ParameterSet, b: ParameterSet): boolean {
  return (
    a.length === b.length &&
    a.every((tensor, index) => {
      const other = b[index];
      return (
        other !== undefined &&
        tensor.name === other.name &&
        tensor.dims.length === other.dims.length &&
        tensor.dims.every((dim, axis) => dim === other.dims[axis])
      );
    })
  );
}

/** Lets champion and challenger answer the validation set, and judges the answers. */
async function validate(
  context: HubContext,
  shelf: ParameterShelf,
  judge: ModelJudge,
  line: LineMemory,
  work: PendingWork & { kind: "validate" },
): Promise<WorkResult> {
  const { blobs, cryptography } = context;
  const { challengerId, version, champion } = work;
  const { policy, validationSet, state } = line.row;
  const { normMax, validation } = policy.gate;
  const challenger = await shelf.partsOf(version);
  const bytes = validationSet === null ? null : await blobs.get(validationSet.digest);
  const answers =
    bytes === null
      ? null
      : await judge.answer({
          line: line.row.line,
          champion: champion === null ? null : await shelf.partsOf(champion),
          challenger,
          validationSet: bytes,
        });
  const norm = state.challenger?.norm ?? null;
  const sanity = judgeSanity({
    norm,
    normMax,
    notFiniteCount: answers?.notFiniteCount ?? null,
    brokenVariance: brokenVariance(
      challenger.graph,
      unwrap(decodeParameters(challenger.parameters)),
      champion === null ? null : await shelf.of(champion),
    ),
  });
  const comparisons =
    answers === null || champion === null
      ? ([
          {
            name: "validation",
            outcome: "skipped",
            text: "first version of its line: there is nothing to compare",
            evidence: answers === null ? {} : { cells: answers.cells },
          },
        ] as const)
      : [
          judgeValidation(answers, validation, createReproducibleRandom(version, cryptography)),
          judgeSlices(answers, validation),
        ];
  return { event: { type: "validated", challengerId, checks: [sanity, ...comparisons] } };
}

function versionOfParts(
  { graph, parameters, preprocessing, calibration }: ReleaseParts,
  { cryptography }: Pick<HubContext, "cryptography">,
): ModelVersion {
  return modelVersionOf(
    {
      graph: graph.digest,
      parameters: parameters.digest,
      preprocessing: preprocessing.digest,
      calibration: calibration.digest,
    },
    cryptography,
  );
}
