// What operators bring to a line: model packages, the validation set, the policy.
import { decodeModelPackage, versionOf } from "@attune/device-runtime/model";
import {
  accept,
  type LineId,
  type Outcome,
  type ReleaseParts,
  refuse,
  shortVersion,
} from "@attune/protocol";
import { LINES_MAX, QUEUE_MAX } from "../limits.ts";
import type { LinePolicy } from "../policy.ts";
import type { LineRow, VersionRow } from "../ports/store.ts";
import { decodeValidationSet } from "../validationSet.ts";
import { type ActParts, auditEntry } from "./actParts.ts";
import { storeBlob } from "./lineWork.ts";

const partNames = ["graph", "parameters", "preprocessing", "calibration", "learning"] as const;

/** Takes a model package: stores its parts and queues it as a challenger. */
export async function importModel(
  parts: ActParts,
  bytes: Uint8Array,
  request: {
    readonly line: LineId | null;
    readonly note: string;
    readonly securityEpoch: number | null;
  },
  actor: string,
): Promise<Outcome<VersionRow>> {
  const { context, lines } = parts;
  const { memory, cryptography, clock } = context;
  const decoded = decodeModelPackage(bytes, cryptography);
  if (!decoded.ok) return decoded;
  const modelPackage = decoded.value;
  const { line } = modelPackage;
  if (request.line !== null && request.line !== line) {
    return refuse(
      "operator.request_invalid",
      `the package is of line ${line}, not ${request.line}`,
    );
  }
  const made = await makeLine(parts, line);
  if (!made.ok) return made;
  const { state } = made.value;
  const version = versionOf(modelPackage, cryptography);
  const known = memory.versions.get(version);
  const name = shortVersion(line, version);
  if (known !== undefined && known.status !== "rejected") {
    return refuse("operator.state_conflict", `${name} is ${known.status} already`);
  }
  const isQueued =
    state.queue.some((queued) => queued.version === version) ||
    state.challenger?.version === version;
  if (isQueued) return refuse("operator.state_conflict", `${name} is on its way already`);
  if (state.queue.length >= QUEUE_MAX) {
    return refuse(
      "operator.state_conflict",
      `${QUEUE_MAX} versions of ${line} wait already; wait until one has ended`,
    );
  }
  const securityEpoch = request.securityEpoch ?? state.securityEpoch;
  if (securityEpoch < state.securityEpoch) {
    return refuse(
      "record.security_epoch_too_low",
      `security epoch ${securityEpoch} is below the floor ${state.securityEpoch} of ${line}`,
    );
  }
  const refs = Object.fromEntries(
    await Promise.all(
      partNames.map(async (part) => [part, await storeBlob(context, modelPackage.bytes[part])]),
    ),
  ) as ReleaseParts;
  const row: VersionRow = {
    version,
    line,
    generation: 0,
    securityEpoch,
    // Its weights owe nothing to the champion: deltas from before do not fit it.
    parent: null,
    parts: refs,
    delta: null,
    lineage: { source: "imported", contributionCount: 0 },
    window: null,
    note: request.note,
    createdAtMs: Math.floor(clock.nowMs()),
    status: "candidate",
    isBaked: false,
    gate: null,
    record: null,
  };
  await lines.act(
    line,
    { type: "imported", version, securityEpoch, actor },
    {
      changes: [{ kind: "version", row }],
      audit: [
        auditEntry(context, actor, "model.imported", line, version, request.note, {
          bytes: bytes.length,
          securityEpoch,
        }),
      ],
    },
  );
  return accept(row);
}

/** The row of a line, made when it is new. */
async function makeLine(
  { context, lines, newLinePolicy }: ActParts,
  line: LineId,
): Promise<Outcome<LineRow>> {
  const { memory } = context;
  if (!memory.lines.has(line) && memory.lines.size >= LINES_MAX) {
    return refuse("operator.state_conflict", `this hub has ${LINES_MAX} lines already`);
  }
  await lines.create(line, newLinePolicy);
  return accept(memory.lines.get(line)?.row as LineRow);
}

/** Stores what versions of a line are judged by. */
export async function storeValidationSet(
  parts: ActParts,
  line: LineId,
  bytes: Uint8Array,
  actor: string,
): Promise<Outcome<NonNullable<LineRow["validationSet"]>>> {
  const { context, lines } = parts;
  const decoded = decodeValidationSet(bytes);
  if (!decoded.ok) return decoded;
  const made = await makeLine(parts, line);
  if (!made.ok) return made;
  const { labelOf, persons, labels } = decoded.value;
  const digest = await context.blobs.put(bytes);
  const validationSet = {
    digest,
    samples: labelOf.length,
    persons: persons.length,
    classes: labels.length,
  };
  await context.commit(
    [{ kind: "line", row: { ...made.value, validationSet } }],
    [auditEntry(context, actor, "validation.stored", line, digest, "", { ...validationSet })],
  );
  lines.look(line);
  return accept(validationSet);
}

/** Changes the rules of a line. */
export async function setPolicy(
  parts: ActParts,
  line: LineId,
  policy: LinePolicy,
  reason: string,
  actor: string,
): Promise<Outcome<LinePolicy>> {
  const { context, lines } = parts;
  const made = await makeLine(parts, line);
  if (!made.ok) return made;
  await context.commit(
    [{ kind: "line", row: { ...made.value, policy } }],
    [
      auditEntry(context, actor, "policy.changed", line, line, reason, {
        before: made.value.policy,
        after: policy,
      }),
    ],
  );
  lines.look(line);
  return accept(policy);
}
