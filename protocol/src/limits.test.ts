import { describe, expect, it } from "vitest";
import {
  contribution,
  decision,
  deviceKey,
  digestOfDigit,
  hubKey,
  keyOf,
  releaseKeys,
  releaseRecord,
  report,
  trustRoot,
} from "../test/sampleMessages.ts";
import { decodeCbor } from "./codec/cbor.ts";
import { parseFrame } from "./codec/frame.ts";
import { decodeMessage, encodeMessage } from "./codec/message.ts";
import { nodeCryptography as cryptography } from "./crypto/nodeCryptography.ts";
import { refusalCodes, refuse, unwrap } from "./errors.ts";
import type { CohortId, DeviceId, LineId } from "./ids.ts";
import {
  BLOB_BLOCK_BYTES,
  BLOB_BLOCK_COUNT_MAX,
  BLOB_BYTES_MAX,
  CODE_LENGTH_MAX,
  CONTRIBUTION_ENVELOPE_BYTES_MAX,
  DELTA_BYTES_MAX,
  FRAME_BYTES_MAX,
  FRAME_SIGNATURES_MAX,
  ID_LENGTH_MAX,
  MESSAGE_ITEMS_MAX,
  PARAMETER_COUNT_MAX,
  REASON_LENGTH_MAX,
  RECEIPT_ENTRIES_MAX,
  REPORT_PAIRED_MAX,
  TENSOR_COUNT_MAX,
  TENSOR_NAME_BYTES_MAX,
  TENSOR_RANK_MAX,
  TRUST_ROOT_KEYS_MAX,
} from "./limits.ts";
import { contributionMessage } from "./messages/contribution.ts";
import { decisionMessage } from "./messages/decision.ts";
import { hubReceiptMessage } from "./messages/hubReceipt.ts";
import { releaseRecordMessage } from "./messages/releaseRecord.ts";
import { reportMessage } from "./messages/report.ts";
import { trustRootMessage } from "./messages/trustRoot.ts";
import type { DecisionSequence, EpochMs } from "./units.ts";

const id = "a".repeat(ID_LENGTH_MAX);
const most = Number.MAX_SAFE_INTEGER;
/** Three bytes a character: the dearest text. */
const text = "\u20ac".repeat(REASON_LENGTH_MAX);

describe("a contribution's envelope", () => {
  const envelopeOf = (changes: object, deltaBytes: number): number =>
    encodeMessage(
      contributionMessage,
      { ...contribution, ...changes, delta: new Uint8Array(deltaBytes) },
      [deviceKey],
      cryptography,
    ).length - deltaBytes;

  it("[PR53] is at most 514 bytes, with everything in it at its longest", () => {
    const longest = {
      device: id as DeviceId,
      line: id as LineId,
      contributionSequence: most,
      examples: most,
      steps: most,
      evidence: { n: most, wins: 2 ** 52, losses: 2 ** 52 - 1 },
      createdAtMs: most as EpochMs,
    };
    expect(envelopeOf(longest, DELTA_BYTES_MAX)).toBe(514);
    expect(514).toBeLessThanOrEqual(CONTRIBUTION_ENVELOPE_BYTES_MAX);
    expect(DELTA_BYTES_MAX + CONTRIBUTION_ENVELOPE_BYTES_MAX).toBe(FRAME_BYTES_MAX);
  });

  it("[PR53] is about 350 bytes for an ordinary one", () => {
    expect(envelopeOf({}, 36_000)).toBe(353);
  });
});

describe("a hub receipt", () => {
  it("[PR52] of as many refusals as it may hold fits a frame, whatever their texts", () => {
    const entry = {
      digest: digestOfDigit("f"),
      outcome: "refused" as const,
      code: "a.".padEnd(CODE_LENGTH_MAX, "b"),
      message: text,
    };
    const receiptOf = (length: number): Uint8Array =>
      encodeMessage(
        hubReceiptMessage,
        { entries: Array.from({ length }, () => entry), atMs: most as EpochMs },
        [hubKey],
        cryptography,
      );
    const bytes = receiptOf(RECEIPT_ENTRIES_MAX);
    expect(bytes.length).toBeLessThanOrEqual(FRAME_BYTES_MAX);
    expect(unwrap(decodeMessage(hubReceiptMessage, bytes)).value.entries).toHaveLength(
      RECEIPT_ENTRIES_MAX,
    );
    const perEntry = receiptOf(2).length - receiptOf(1).length;
    expect(perEntry).toBeLessThanOrEqual(1658);
    expect(Math.floor((FRAME_BYTES_MAX - (receiptOf(1).length - perEntry)) / 1658)).toBe(59);
  });
});

describe("other messages at their largest", () => {
  const blocks = (count: number): ReturnType<typeof digestOfDigit>[] =>
    Array.from({ length: count }, () => digestOfDigit("1"));
  const blobOf = (count: number) => ({
    digest: digestOfDigit("a"),
    bytes: count * BLOB_BLOCK_BYTES,
    blocks: blocks(count),
  });

  it("[PR53] a release record has room for the largest parameters and 22 MB of everything else", () => {
    const rest = 340;
    expect(BLOB_BLOCK_COUNT_MAX).toBe(1060);
    expect(rest * BLOB_BLOCK_BYTES).toBeGreaterThan(22_000_000);
    const record = {
      ...releaseRecord,
      parts: {
        ...releaseRecord.parts,
        parameters: { ...blobOf(BLOB_BLOCK_COUNT_MAX), bytes: BLOB_BYTES_MAX },
        graph: blobOf(rest),
      },
      note: text,
    };
    const bytes = encodeMessage(
      releaseRecordMessage,
      record,
      [...releaseKeys, ...releaseKeys, hubKey, hubKey],
      cryptography,
    );
    expect(bytes.length).toBeLessThanOrEqual(FRAME_BYTES_MAX);
    expect(decodeMessage(releaseRecordMessage, bytes).ok).toBe(true);
  });

  it("[PR53] a decision, a report and a trust root always fit", () => {
    const large = encodeMessage(
      decisionMessage,
      {
        ...decision,
        line: id as LineId,
        cohort: id as CohortId,
        decisionSequence: most as DecisionSequence,
        blobUrl: `https://${"h".repeat(504)}`,
        reason: text,
      },
      [hubKey],
      cryptography,
    );
    const paired = Array.from(
      { length: REPORT_PAIRED_MAX },
      () => ({ ...report.paired[0], n: most }) as (typeof report.paired)[number],
    );
    const reported = encodeMessage(
      reportMessage,
      { ...report, paired, state: text },
      [deviceKey],
      cryptography,
    );
    const keys = Array.from({ length: TRUST_ROOT_KEYS_MAX }, (_, at) => ({
      publicKey: keyOf(`${at}`).publicKey,
      role: at === 0 ? ("hub" as const) : ("release" as const),
    }));
    const root = encodeMessage(
      trustRootMessage,
      { ...trustRoot, keys },
      Array.from({ length: FRAME_SIGNATURES_MAX }, (_, at) => keyOf(`${at + 1}`)),
      cryptography,
    );
    for (const bytes of [large, reported, root]) expect(bytes.length).toBeLessThan(8000);
    expect(
      unwrap(decodeCbor(unwrap(parseFrame(root, "trustRoot")).payload, MESSAGE_ITEMS_MAX)),
    ).toBeDefined();
  });
});

describe("blobs", () => {
  it("[PR53] have room for the largest parameter set", () => {
    const header = 4 + TENSOR_COUNT_MAX * (2 + TENSOR_NAME_BYTES_MAX + 1 + 4 * TENSOR_RANK_MAX) + 3;
    expect(header + 4 * PARAMETER_COUNT_MAX).toBeLessThanOrEqual(BLOB_BYTES_MAX);
    expect(BLOB_BLOCK_COUNT_MAX * BLOB_BLOCK_BYTES).toBeGreaterThanOrEqual(BLOB_BYTES_MAX);
    expect(BLOB_BLOCK_BYTES).toBeLessThanOrEqual(FRAME_BYTES_MAX);
  });
});

describe("refusal codes", () => {
  it("[PR54] are area.noun_problem, different, and short enough to be reported", () => {
    expect(new Set(refusalCodes).size).toBe(refusalCodes.length);
    for (const code of refusalCodes) {
      expect(code).toMatch(/^[a-z]+\.[a-z]+(?:_[a-z]+)*$/);
      expect(code.length).toBeLessThanOrEqual(CODE_LENGTH_MAX);
    }
  });

  it("[PR10] come with one plain line, short enough to be reported, whatever a stranger wrote", () => {
    const { message } = refuse(
      "delta.not_finite",
      `tensor \u001b[31m${"x".repeat(1000)} holds NaN`,
    ).refusal;
    expect(message).toHaveLength(REASON_LENGTH_MAX);
    expect(message).not.toMatch(/\p{Cc}/u);
  });
});
