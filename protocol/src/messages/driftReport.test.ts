// What a drift report may say, how large it can become, and that bytes and JSON say the same.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deviceKey, report } from "../../test/sampleMessages.ts";
import { encodeCbor } from "../codec/cbor.ts";
import { encodeFrame } from "../codec/frame.ts";
import { decodeMessage, encodeMessage } from "../codec/message.ts";
import { nodeCryptography as cryptography } from "../crypto/nodeCryptography.ts";
import { unwrap } from "../errors.ts";
import {
  DRIFT_FINDINGS_MAX,
  DRIFT_NAME_LENGTH_MAX,
  DRIFT_ONSET_STEP_MS,
  DRIFT_REPORT_BYTES_MAX,
} from "../limits.ts";
import type { DriftFinding, DriftReport } from "./driftReport.ts";
import { type Report, reportMessage } from "./report.ts";

const finding: DriftFinding = {
  kind: "feature",
  name: "acc-x",
  direction: "up",
  users: 1,
  count: 24,
  evidence: 81_000.5,
  limit: 80_000,
  severity: { mean: 4.2, low: 3.9, high: 4.5 },
  onsetMs: 482_000 * DRIFT_ONSET_STEP_MS,
};
const drift: DriftReport = {
  version: 1,
  verdict: "fail",
  users: 2,
  learningUsers: 0,
  driftedUsers: 1,
  windows: 9000,
  series: 11,
  findings: [finding],
  unnamedFindings: 0,
  outliers: { windows: 310, recentShare: 0.25, referenceShare: 0.1 },
  quarantined: {
    windows: 3,
    problems: {
      valueMissing: 0,
      valueOutside: 1,
      channelSaturated: 0,
      channelStuck: 2,
      windowDuplicated: 0,
      samplingGap: 4,
    },
  },
  rules: { violations: 1, broken: 0 },
  performance: {
    errorRate: 0.2,
    low: 0.15,
    high: 0.25,
    referenceErrorRate: 0.08,
    count: 400,
    verdict: "worse",
  },
};

const sent = (value: unknown): Uint8Array =>
  encodeFrame("report", encodeCbor({ ...report, drift: value }), [deviceKey], cryptography);
const read = (bytes: Uint8Array): Report => unwrap(decodeMessage(reportMessage, bytes)).value;
const written = (value: DriftReport | undefined): Uint8Array =>
  encodeMessage(reportMessage, { ...report, drift: value }, [deviceKey], cryptography);
const codeOf = (value: unknown): string => {
  const outcome = decodeMessage(reportMessage, sent(value));
  return outcome.ok ? "" : outcome.refusal.code;
};

const most = Number.MAX_SAFE_INTEGER;
/** Needs all eight bytes of a float. */
const odd = 1 / 3;

describe("size", () => {
  it("[PR56] with everything at its longest is under its limit, by the sum that the limit states", () => {
    const longest: DriftFinding = {
      kind: "outlierShare",
      name: "\u20ac".repeat(DRIFT_NAME_LENGTH_MAX),
      direction: "mixed",
      users: most,
      count: most,
      evidence: odd,
      limit: odd,
      severity: { mean: odd, low: odd, high: odd },
      onsetMs: most - (most % DRIFT_ONSET_STEP_MS),
    };
    const largest: DriftReport = {
      ...drift,
      verdict: "fail",
      users: most,
      learningUsers: 0,
      driftedUsers: most,
      windows: most,
      series: most,
      findings: Array.from({ length: DRIFT_FINDINGS_MAX }, () => longest),
      unnamedFindings: most,
      outliers: { windows: most, recentShare: odd, referenceShare: odd },
      quarantined: {
        windows: most,
        problems: {
          valueMissing: most,
          valueOutside: most,
          channelSaturated: most,
          channelStuck: most,
          windowDuplicated: most,
          samplingGap: most,
        },
      },
      rules: { violations: most, broken: most },
      performance: {
        errorRate: odd,
        low: odd,
        high: odd,
        referenceErrorRate: odd,
        count: most,
        verdict: "unclear",
      },
    };
    const bytesOf = (value: DriftReport): number =>
      written(value).length - written(undefined).length;
    const ofFinding = encodeCbor(longest).length;
    expect(ofFinding).toBe(365);
    expect(bytesOf(largest)).toBe(DRIFT_FINDINGS_MAX * ofFinding + 561);
    expect(bytesOf(largest)).toBeLessThanOrEqual(DRIFT_REPORT_BYTES_MAX);
    expect(bytesOf(drift)).toBeLessThan(800);
    expect(read(written(largest)).drift).toEqual(largest);
  });

  it("[PR56] more findings than it names are refused, a longer name is cut", () => {
    const many = Array.from({ length: DRIFT_FINDINGS_MAX + 1 }, () => finding);
    expect(codeOf({ ...drift, findings: many })).toBe("message.schema_invalid");
    const named = { ...finding, name: `\u001b[2J${"x".repeat(9000)}` };
    const [cut] = read(sent({ ...drift, findings: [named] })).drift?.findings ?? [];
    expect(cut?.name).toHaveLength(DRIFT_NAME_LENGTH_MAX);
    expect(cut?.name).toMatch(/^ \[2Jx+…$/);
  });
});

describe("what may be said", () => {
  it("[PR57] a report without it, or with one of a later layout, is read without it", () => {
    expect(read(written(undefined)).drift).toBeUndefined();
    expect("drift" in read(sent({ version: 2, everything: "is new" }))).toBe(true);
    expect(read(sent({ version: 2, everything: "is new" })).drift).toBeUndefined();
    expect(read(sent({ version: 2 })).counts).toEqual(report.counts);
  });

  it("[PR57] fields that nobody knows are left aside and never written", () => {
    const more = { ...drift, userName: "anna", findings: [{ ...finding, user: "anna" }] };
    expect(read(sent(more)).drift).toEqual(drift);
    expect(new TextDecoder().decode(written(more as DriftReport))).not.toContain("anna");
  });

  it("[PR57] an onset leaves and arrives in whole hours, however fine it was said", () => {
    const fine = { ...drift, findings: [{ ...finding, onsetMs: finding.onsetMs + 1234 }] };
    for (const bytes of [written(fine), sent(fine)]) {
      expect(read(bytes).drift?.findings[0]?.onsetMs).toBe(finding.onsetMs);
    }
  });

  it.each<readonly [string, unknown]>([
    ["no map", 7],
    ["no version", { ...drift, version: undefined }],
    ["version 0", { ...drift, version: 0 }],
    ["a pass with drift", { ...drift, verdict: "pass" }],
    ["a fail without any", { ...drift, driftedUsers: 0, findings: [] }],
    ["a fail that names nothing", { ...drift, findings: [] }],
    [
      "learning with users who are known",
      { ...drift, verdict: "learning", driftedUsers: 0, findings: [] },
    ],
    ["more drifted users than users", { ...drift, driftedUsers: 3 }],
    ["users counted twice", { ...drift, learningUsers: 2 }],
    ["a finding of more users than drifted", { ...drift, findings: [{ ...finding, users: 2 }] }],
    ["a finding of nobody", { ...drift, findings: [{ ...finding, users: 0 }] }],
    [
      "infinite evidence",
      { ...drift, findings: [{ ...finding, evidence: Number.POSITIVE_INFINITY }] },
    ],
    ["evidence that is no number", { ...drift, findings: [{ ...finding, evidence: Number.NaN }] }],
    ["negative evidence", { ...drift, findings: [{ ...finding, evidence: -1 }] }],
    [
      "a mean outside of its range",
      { ...drift, findings: [{ ...finding, severity: { mean: 1, low: 2, high: 3 } }] },
    ],
    [
      "a guess outside of its range",
      { ...drift, performance: { ...drift.performance, low: 0.6, errorRate: 0.5, high: 0.7 } },
    ],
    [
      "a guess whose range is upside down",
      { ...drift, performance: { ...drift.performance, low: 0.7, errorRate: 0.5, high: 0.3 } },
    ],
    ["an onset before time", { ...drift, findings: [{ ...finding, onsetMs: -1 }] }],
    ["an unknown kind", { ...drift, findings: [{ ...finding, kind: "mood" }] }],
    ["a share above 1", { ...drift, outliers: { ...drift.outliers, recentShare: 1.5 } }],
    ["a fraction of a window", { ...drift, windows: 1.5 }],
  ])("[PR57] %s is refused", (_, value) => {
    expect(codeOf(value)).toBe("message.schema_invalid");
  });
});

/** Any report that may be said. */
const anyDrift: fc.Arbitrary<DriftReport> = fc
  .record({
    drifted: fc.nat({ max: 9 }),
    learning: fc.nat({ max: 9 }),
    others: fc.nat({ max: 9 }),
    names: fc.array(fc.string({ unit: "binary", maxLength: 80 }), {
      minLength: 1,
      maxLength: DRIFT_FINDINGS_MAX,
    }),
    numbers: fc.array(fc.double({ min: 0, max: 1e12, noNaN: true }), {
      minLength: 3,
      maxLength: 3,
    }),
    whole: fc.maxSafeNat(),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    isGuessed: fc.boolean(),
  })
  .map(({ drifted, learning, others, names, numbers, whole, share, isGuessed }) => {
    const [low = 0, mean = 0, high = 0] = numbers.sort((a, b) => a - b);
    const { performance, ...rest } = drift;
    const findings = names.map((name) => ({
      ...finding,
      name,
      evidence: high,
      severity: { low, mean, high },
      onsetMs: whole,
    }));
    return {
      ...rest,
      verdict: drifted > 0 ? "fail" : others > 0 ? "pass" : "learning",
      users: drifted + learning + others,
      learningUsers: learning,
      driftedUsers: drifted,
      windows: whole,
      findings: drifted > 0 ? findings : [],
      outliers: { windows: whole, recentShare: share, referenceShare: share },
      ...(isGuessed ? { performance } : {}),
    };
  });

describe("the JSON twin", () => {
  it("[PR58] says what the bytes say, whatever that is", () => {
    fc.assert(
      fc.property(anyDrift, (value) => {
        const decoded = read(written(value)).drift;
        const twin: unknown = JSON.parse(JSON.stringify(decoded));
        expect(twin).toEqual(decoded);
        // And back: a report that is made of the twin has the same bytes.
        expect(written(twin as DriftReport)).toEqual(written(value));
      }),
    );
  });
});
