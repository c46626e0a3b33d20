// Every way in which a hub that was taken over could try to get a signature, refused by name.
import {
  portableCryptography as cryptography,
  type Delegation,
  type Digest,
  type EpochMs,
  encodeDelta,
  encodeParameters,
  type Generation,
  type LineId,
  type ModelVersion,
  type SecurityEpoch,
} from "@attune/protocol";
import { describe, expect, it } from "vitest";
import {
  candidateWith,
  type HonestAggregate,
  honest,
  now,
  passed,
  recordOf,
  refOf,
  textRef,
  weights,
} from "../../test/operator/honestAggregate.ts";
import { checkSigningRequest, type SigningRequest } from "./checkSigningRequest.ts";

const flipped = (bytes: Uint8Array): Uint8Array => {
  const copy = bytes.slice();
  const last = copy.length - 1;
  copy[last] = (copy[last] ?? 0) ^ 1;
  return copy;
};

const refusalOf = (
  change: (fixture: HonestAggregate) => Partial<SigningRequest>,
  delegation?: (delegation: Delegation) => Delegation | undefined,
  atMs: EpochMs = now,
): string => {
  const fixture = honest();
  const outcome = checkSigningRequest(
    { ...fixture.request, ...change(fixture) },
    delegation === undefined ? fixture.delegation : delegation(fixture.delegation),
    atMs,
    cryptography,
  );
  return outcome.ok ? "signed" : outcome.refusal.code;
};

describe("checkSigningRequest", () => {
  it("co-signs an honest aggregate exactly on the sphere and says what it measured", () => {
    const { request, delegation, norm } = honest();
    const outcome = checkSigningRequest(request, delegation, now, cryptography);
    expect(outcome).toEqual({
      ok: true,
      value: { norm, normMax: norm, changedTensorCount: 1 },
    });
    expect(norm).toBeGreaterThan(0.5);
  });

  it("refuses a norm one step of float64 over the limit", () => {
    const { norm } = honest();
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, norm);
    view.setBigUint64(0, view.getBigUint64(0) - 1n);
    const below = view.getFloat64(0);
    expect(below).toBeLessThan(norm);
    expect(
      refusalOf(
        () => ({}),
        (delegation) => ({ ...delegation, normMax: below }),
      ),
    ).toBe("delegation.norm_exceeded");
  });

  it("measures from the delegation's base, so that small aggregates do not walk away", () => {
    // Each step is 0.5 long, the limit is 0.9, and the second step goes in the direction of the first.
    expect(
      refusalOf(
        (fixture) => candidateWith(fixture, [0.5, 0, 0, 0]),
        (delegation) => ({ ...delegation, normMax: 0.9 }),
      ),
    ).toBe("delegation.norm_exceeded");
    expect(
      refusalOf(
        (fixture) => candidateWith(fixture, [-0.5, 0, 0, 0]),
        (delegation) => ({ ...delegation, normMax: 0.9 }),
      ),
    ).toBe("signed");
  });

  it("refuses an imported release without a person's word", () => {
    expect(
      refusalOf(({ request }) => ({
        record: { ...request.record, lineage: { source: "imported", contributionCount: 0 } },
      })),
    ).toBe("delegation.missing");
  });

  it("refuses without a delegation, and with one for another line", () => {
    expect(
      refusalOf(
        () => ({}),
        () => undefined,
      ),
    ).toBe("delegation.missing");
    expect(
      refusalOf(
        () => ({}),
        (delegation) => ({ ...delegation, line: "falls" as LineId }),
      ),
    ).toBe("delegation.missing");
  });

  it("refuses from the very millisecond in which the delegation expires", () => {
    expect(refusalOf(() => ({}), undefined, (now + 1) as EpochMs)).toBe("delegation.expired");
  });

  it("refuses another graph", () => {
    expect(
      refusalOf((fixture) =>
        candidateWith(fixture, [0, 0.25, 0, 0], {}, { graph: textRef("other graph") }),
      ),
    ).toBe("delegation.graph_mismatch");
  });

  it("refuses a version that its parts do not make", () => {
    expect(
      refusalOf(({ request }) => ({
        record: { ...request.record, version: "0".repeat(64) as ModelVersion },
      })),
    ).toBe("version.mismatch");
  });

  it.each(["preprocessing", "calibration", "learning"])(
    "refuses an aggregate that changes its %s",
    (part) => {
      expect(
        refusalOf((fixture) =>
          candidateWith(fixture, [0, 0.25, 0, 0], {}, { [part]: textRef("labels permuted") }),
        ),
      ).toBe("delegation.base_mismatch");
    },
  );

  it("refuses another security epoch, above as below", () => {
    for (const epoch of [0, 2]) {
      expect(
        refusalOf((fixture) =>
          candidateWith(fixture, [0, 0.25, 0, 0], { securityEpoch: epoch as SecurityEpoch }),
        ),
      ).toBe("delegation.base_mismatch");
    }
  });

  it("refuses a base that is not released, or is not the one named", () => {
    expect(refusalOf(() => ({ delegationBase: undefined }))).toBe("delegation.base_mismatch");
    expect(refusalOf(({ request }) => ({ delegationBase: request.deltaBase }))).toBe(
      "delegation.base_mismatch",
    );
    expect(refusalOf(() => ({ deltaBase: undefined }))).toBe("delegation.base_mismatch");
    expect(refusalOf(({ request }) => ({ deltaBase: request.delegationBase }))).toBe(
      "delegation.base_mismatch",
    );
    expect(refusalOf(() => ({ delta: undefined }))).toBe("delegation.base_mismatch");
  });

  it("refuses a generation that does not go on", () => {
    expect(
      refusalOf((fixture) =>
        candidateWith(fixture, [0, 0.25, 0, 0], { generation: 1 as Generation }),
      ),
    ).toBe("delegation.base_mismatch");
  });

  it.each([
    ["no evidence at all", undefined],
    ["a gate that holds", { verdict: "hold", checks: [passed] }],
    ["a gate that rejects", { verdict: "reject", checks: [passed] }],
    [
      "a verdict over a failed check",
      { verdict: "promote", checks: [passed, { ...passed, outcome: "fail" }] },
    ],
    [
      "a verdict before a check has ended",
      { verdict: "promote", checks: [passed, { ...passed, outcome: "wait" }] },
    ],
    ["a verdict without a number", { verdict: "promote", checks: [{ ...passed, evidence: {} }] }],
    [
      "a verdict whose checks were all skipped",
      { verdict: "promote", checks: [{ ...passed, outcome: "skipped" }] },
    ],
    ["a verdict without a check", { verdict: "promote", checks: [] }],
    [
      "evidence of another candidate",
      { version: "0".repeat(64), verdict: "promote", checks: [passed] },
    ],
  ])("refuses %s", (_, evidence) => {
    expect(
      refusalOf(({ request }) => ({
        evidence:
          evidence === undefined ? undefined : { version: request.record.version, ...evidence },
      })),
    ).toBe("delegation.evidence_missing");
  });

  it("refuses every blob with one bit changed", () => {
    const { request } = honest();
    const { deltaBase, delegationBase, delta } = request;
    for (const change of [
      { parameters: flipped(request.parameters) },
      { delta: flipped(delta) },
      { deltaBase: { ...deltaBase, parameters: flipped(deltaBase.parameters) } },
      { delegationBase: { ...delegationBase, parameters: flipped(delegationBase.parameters) } },
    ]) {
      expect(refusalOf(() => change)).toBe("blob.digest_mismatch");
    }
  });

  it("refuses parameters that the delta does not make, bit for bit", () => {
    // Weights and version fit each other; the delta that is shown is of another candidate.
    expect(
      refusalOf((fixture) => {
        const candidate = candidateWith(fixture, [0, 0.25, 0, 0]);
        const other = candidateWith(fixture, [0, 0.250001, 0, 0]);
        const { deltaBase } = fixture.request;
        return {
          ...candidate,
          delta: other.delta,
          record: {
            ...candidate.record,
            delta: { base: deltaBase.record.version, blob: refOf(other.delta) },
          },
        };
      }),
    ).toBe("delta.result_mismatch");
  });

  const withDelta =
    (delta: Uint8Array) =>
    ({ request }: HonestAggregate): Pick<SigningRequest, "delta" | "record"> => {
      return {
        delta,
        record: {
          ...request.record,
          delta: { base: request.deltaBase.record.version, blob: refOf(delta) },
        },
      };
    };

  it("refuses a delta that does not decode", () => {
    expect(refusalOf(withDelta(Uint8Array.of(1)))).toBe("delta.not_decodable");
  });

  it("refuses a delta that overflows float32 instead of falling over it", () => {
    const huge = encodeDelta([{ index: 0, values: Float32Array.of(3e38, 0, 0, 0) }]);
    const base = weights([3e38, 0, 0, 0]);
    const parameters = encodeParameters(base);
    const record = recordOf(parameters, {});
    expect(
      refusalOf((fixture) => {
        const changed = withDelta(huge)(fixture);
        return {
          ...changed,
          record: {
            ...changed.record,
            delta: { base: record.version, blob: refOf(huge) },
            lineage: { ...changed.record.lineage, base: record.version },
          },
          deltaBase: { record, parameters },
        };
      }),
    ).toBe("delta.not_finite");
  });

  it("refuses parameters that are not parameters, or have other shapes", () => {
    const withParameters = (parameters: Uint8Array): string =>
      refusalOf(({ request }) => {
        const record = recordOf(parameters, {
          generation: 2 as Generation,
          delta: request.record.delta,
          lineage: request.record.lineage,
        });
        return {
          record,
          parameters,
          evidence: { version: record.version, verdict: "promote", checks: [passed] },
        };
      });
    expect(withParameters(Uint8Array.of(1, 2))).toBe("delta.not_decodable");
    expect(withParameters(encodeParameters(weights([1, 2, 3])))).toBe("delta.shape_mismatch");
    expect(withParameters(encodeParameters(weights([1, 2, 3, 4], "v")))).toBe(
      "delta.shape_mismatch",
    );
    const bytes = honest().request.parameters.slice();
    new DataView(bytes.buffer).setFloat32(bytes.length - 4, Number.NaN, true);
    expect(withParameters(bytes)).toBe("delta.not_finite");
  });

  it("does not let a digest of the right length pass for the right digest", () => {
    expect(
      refusalOf(({ request }) => ({
        record: {
          ...request.record,
          parts: {
            ...request.record.parts,
            parameters: { ...request.record.parts.parameters, digest: "f".repeat(64) as Digest },
          },
        },
      })),
    ).toBe("version.mismatch");
  });
});
