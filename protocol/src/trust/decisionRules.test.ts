import { describe, expect, it } from "vitest";
import {
  cohort,
  decision,
  device,
  deviceKey,
  digestOfDigit,
  hubKey,
  line,
  releaseKeys,
  releaseRecord,
  strangerKey,
  trustRoot,
} from "../../test/sampleMessages.ts";
import { encodeCbor } from "../codec/cbor.ts";
import { assembleFrame, encodeFrame, frameKinds, parseFrame } from "../codec/frame.ts";
import { decodeMessage, encodeMessage } from "../codec/message.ts";
import { digestOf, type KeyPair } from "../crypto/cryptography.ts";
import { nodeCryptography as cryptography } from "../crypto/nodeCryptography.ts";
import { type Outcome, unwrap } from "../errors.ts";
import type { CohortId, LineId } from "../ids.ts";
import { BAKE_MS_MAX } from "../limits.ts";
import { type Decision, decisionMessage, type ReleaseTarget } from "../messages/decision.ts";
import { type ReleaseRecord, releaseRecordMessage } from "../messages/releaseRecord.ts";
import type { DecisionSequence, Generation, SecurityEpoch } from "../units.ts";
import {
  checkDecision,
  checkReleaseRecord,
  type DecisionFloor,
  targetFor,
} from "./decisionRules.ts";

const floor: DecisionFloor = {
  device,
  line,
  cohort,
  decisionSequence: 40 as DecisionSequence,
  securityEpoch: 2 as SecurityEpoch,
};
const codeOf = (outcome: Outcome<unknown>): string => (outcome.ok ? "" : outcome.refusal.code);
const signed = (changes: Partial<Decision> = {}, keys: readonly KeyPair[] = [hubKey]): Uint8Array =>
  encodeMessage(decisionMessage, { ...decision, ...changes }, keys, cryptography);
const check = (bytes: Uint8Array, changes: Partial<DecisionFloor> = {}): string =>
  codeOf(checkDecision(bytes, { ...floor, ...changes }, trustRoot, cryptography));
const target = (changes: Partial<ReleaseTarget>): ReleaseTarget => ({
  ...decision.champion,
  ...changes,
});
const nobody = { salt: "nobody", threshold: 0 };
const everybody = { salt: "everybody", threshold: 0xffffffff };

describe("a decision", () => {
  it("[PR35] is accepted from the hub's key, for this line and cohort, when it is newer", () => {
    const outcome = checkDecision(signed(), floor, trustRoot, cryptography);
    expect(unwrap(outcome)).toStrictEqual(decision);
  });

  it("[PR35] signature.*: from nobody else", () => {
    expect(check(signed({}, [strangerKey]))).toBe("signature.key_unknown");
    expect(check(signed({}, [deviceKey]))).toBe("signature.key_unknown");
    expect(check(signed({}, []))).toBe("signature.key_unknown");
    expect(check(signed({}, [releaseKeys[0]]))).toBe("signature.role_forbidden");
    const changed = signed();
    changed[30] = (changed[30] ?? 0) ^ 0x01;
    expect(check(changed)).toMatch(
      /^(?:signature\.invalid|message\.schema_invalid|frame\.not_decodable)$/,
    );
  });

  it("[PR14] is nothing that a hub's signature under another kind could become", () => {
    const { payload } = unwrap(parseFrame(signed(), "decision"));
    for (const kind of ["assignment", "hubReceipt", "enrolmentReply"] as const) {
      const other = unwrap(parseFrame(encodeFrame(kind, payload, [hubKey], cryptography), kind));
      const moved = assembleFrame("decision", payload, other.signatures);
      expect(check(moved)).toBe("signature.invalid");
      // And unchanged it is of the wrong kind.
      expect(check(other.bytes)).toBe("frame.kind_unexpected");
      expect(other.bytes[3]).toBe(frameKinds[kind]);
    }
  });

  it("[PR39] decision.line_mismatch: for another line", () => {
    expect(check(signed({ line: "gait" as LineId }))).toBe("decision.line_mismatch");
  });

  it("[PR39] decision.cohort_mismatch: for another cohort, also a newer one", () => {
    const others = signed({
      cohort: "ward-3" as CohortId,
      decisionSequence: 99 as DecisionSequence,
    });
    expect(check(others)).toBe("decision.cohort_mismatch");
  });

  it("[PR36] decision.sequence_replayed: the current one again, and every older one", () => {
    for (const sequence of [40, 39, 1]) {
      expect(check(signed({ decisionSequence: sequence as DecisionSequence }))).toBe(
        "decision.sequence_replayed",
      );
    }
    expect(check(signed({ decisionSequence: 41 as DecisionSequence }))).toBe("");
    expect(check(signed({ decisionSequence: 4000 as DecisionSequence }))).toBe("");
  });

  it("[PR36] counts for the whole line: after a reassignment the new cohort's old decisions stay old", () => {
    const retained = signed({
      cohort: "ward-3" as CohortId,
      decisionSequence: 37 as DecisionSequence,
    });
    expect(check(retained, { cohort: "ward-3" as CohortId })).toBe("decision.sequence_replayed");
    const issuedAgain = signed({
      cohort: "ward-3" as CohortId,
      decisionSequence: 41 as DecisionSequence,
    });
    expect(check(issuedAgain, { cohort: "ward-3" as CohortId })).toBe("");
  });

  it("[PR37] may name an older generation: a rollback is a newer decision for an older version", () => {
    const rollback = signed({
      action: "rollback",
      decisionSequence: 42 as DecisionSequence,
      champion: target({ generation: 1 as Generation }),
      rollout: undefined,
    });
    const outcome = checkDecision(rollback, floor, trustRoot, cryptography);
    expect(unwrap(outcome).champion.generation).toBe(1);
  });

  it("[PR38] record.security_epoch_too_low: no rollback below the epoch", () => {
    const below = target({ securityEpoch: 1 as SecurityEpoch });
    expect(check(signed({ champion: below, rollout: undefined }))).toBe(
      "record.security_epoch_too_low",
    );
    expect(
      check(signed({ champion: below, rollout: undefined }), { securityEpoch: 1 as SecurityEpoch }),
    ).toBe("");
  });

  it("[PR38] is measured by what this device would serve", () => {
    const below = target({ securityEpoch: 1 as SecurityEpoch });
    const champion = target({});
    expect(check(signed({ champion, rollout: { target: below, selection: nobody } }))).toBe("");
    expect(check(signed({ champion, rollout: { target: below, selection: everybody } }))).toBe(
      "record.security_epoch_too_low",
    );
    const lowChampion = { ...decision.champion, securityEpoch: 1 as SecurityEpoch };
    expect(
      check(
        signed({ champion: lowChampion, rollout: { target: target({}), selection: everybody } }),
      ),
    ).toBe("");
  });

  it("[PR35] asks who is selected for what is served", () => {
    const rollout = { target: target({ generation: 8 as Generation }), selection: everybody };
    expect(targetFor({ ...decision, rollout }, device, cryptography).generation).toBe(8);
    expect(
      targetFor({ ...decision, rollout: { ...rollout, selection: nobody } }, device, cryptography),
    ).toBe(decision.champion);
    expect(targetFor({ ...decision, rollout: undefined }, device, cryptography)).toBe(
      decision.champion,
    );
  });
});

describe("what a decision may say", () => {
  const decodes = (changes: object): string =>
    codeOf(
      decodeMessage(
        decisionMessage,
        encodeFrame("decision", encodeCbor({ ...decision, ...changes }), [hubKey], cryptography),
      ),
    );

  it("[PR43] has a shadow of the champion only", () => {
    expect(decodes({ shadow: { ...decision.shadow, base: digestOfDigit("8") } })).toBe(
      "message.schema_invalid",
    );
    expect(decodes({ shadow: decision.shadow })).toBe("");
  });

  it.each(["", "http://127.0.0.1:7411/blobs", "https://hub.example/a/b?c=%20"])(
    "[PR44] has the blob URL %j",
    (blobUrl) => {
      expect(decodes({ blobUrl })).toBe("");
    },
  );

  it.each([
    "file:///etc/passwd",
    "javascript:alert(1)",
    "//hub",
    "hub",
    "http://",
    "https://a b",
    "https://a\u001b[2J",
    "data:,x",
  ])("[PR44] has no blob URL like %j", (blobUrl) => {
    expect(decodes({ blobUrl })).toBe("message.schema_invalid");
  });

  it("[PR44] has a bake that ends", () => {
    expect(decodes({ bakeMs: BAKE_MS_MAX })).toBe("");
    for (const bakeMs of [BAKE_MS_MAX + 1, Number.POSITIVE_INFINITY, Number.NaN, -1, 1.5]) {
      expect(decodes({ bakeMs })).toBe("message.schema_invalid");
    }
    // Timers of JavaScript fire at once above this.
    expect(BAKE_MS_MAX).toBeLessThan(2 ** 31);
  });

  it("[PR36] has a sequence from 1", () => {
    for (const decisionSequence of [0, -1, 1.5, 2 ** 53, "1"]) {
      expect(decodes({ decisionSequence })).toBe("message.schema_invalid");
    }
  });
});

describe("a release record", () => {
  const bytes = encodeMessage(
    releaseRecordMessage,
    releaseRecord,
    releaseKeys.slice(0, 2),
    cryptography,
  );
  const pointTo = (frame: Uint8Array, changes: Partial<ReleaseTarget> = {}): ReleaseTarget => ({
    version: releaseRecord.version,
    generation: releaseRecord.generation,
    securityEpoch: releaseRecord.securityEpoch,
    record: { digest: digestOf(cryptography, frame), bytes: frame.length },
    ...changes,
  });
  const check1 = (
    frame: Uint8Array,
    changes: Partial<ReleaseTarget> = {},
    ofLine: LineId = line,
  ): string =>
    codeOf(checkReleaseRecord(frame, ofLine, pointTo(frame, changes), trustRoot, cryptography));
  const recordWith = (
    changes: Partial<ReleaseRecord>,
    keys: readonly KeyPair[] = releaseKeys.slice(0, 2),
  ): Uint8Array =>
    encodeMessage(releaseRecordMessage, { ...releaseRecord, ...changes }, keys, cryptography);

  it("[PR40] is accepted when a threshold of release keys signed what the decision says", () => {
    const outcome = checkReleaseRecord(bytes, line, pointTo(bytes), trustRoot, cryptography);
    expect(unwrap(outcome)).toStrictEqual(releaseRecord);
  });

  it("[PR40] blob.digest_mismatch: before anything is parsed", () => {
    for (const frame of [new Uint8Array(), bytes.subarray(1), recordWith({ note: "another" })]) {
      const outcome = checkReleaseRecord(frame, line, pointTo(bytes), trustRoot, cryptography);
      expect(codeOf(outcome)).toBe("blob.digest_mismatch");
    }
  });

  it("[PR40] signature.*: the hub brings in no model of its own", () => {
    expect(check1(recordWith({}, [hubKey]))).toBe("signature.role_forbidden");
    expect(check1(recordWith({}, [strangerKey]))).toBe("signature.key_unknown");
    expect(check1(recordWith({}, [releaseKeys[0]]))).toBe("signature.threshold_unmet");
    expect(check1(recordWith({}, [releaseKeys[0], releaseKeys[0]]))).toBe(
      "signature.threshold_unmet",
    );
    expect(check1(recordWith({}, [releaseKeys[0], hubKey]))).toBe("signature.threshold_unmet");
  });

  it("[PR40] record.mismatch: it says something else than the decision", () => {
    expect(check1(bytes, { version: digestOfDigit("1") })).toBe("record.mismatch");
    expect(check1(bytes, { generation: 8 as Generation })).toBe("record.mismatch");
    expect(check1(bytes, { securityEpoch: 3 as SecurityEpoch })).toBe("record.mismatch");
    expect(check1(bytes, {}, "gait" as LineId)).toBe("record.mismatch");
  });

  it("[PR40] version.mismatch: its parts make another version", () => {
    const parts = { ...releaseRecord.parts, graph: { digest: digestOfDigit("0"), bytes: 1 } };
    expect(check1(recordWith({ parts }))).toBe("version.mismatch");
    // What trains a model does not change its answers.
    const learning = { ...releaseRecord.parts, learning: { digest: digestOfDigit("0"), bytes: 1 } };
    expect(check1(recordWith({ parts: learning }))).toBe("");
  });
});
