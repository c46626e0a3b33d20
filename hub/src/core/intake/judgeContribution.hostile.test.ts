// Every reason for which a contribution is turned away, and that the first one in precedence order is told.
import {
  applyDelta,
  type Contribution,
  type Digest,
  digestOf,
  encodeDelta,
  encodeParameters,
  type ParameterDelta,
  parameterSetOf,
} from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { expect, it } from "vitest";
import { defaultPolicy } from "../../policy.ts";
import { type ContributionFacts, judgeContribution } from "./judgeContribution.ts";

const base = parameterSetOf([
  { name: "bias", dims: [2], data: Float32Array.of(0, 0) },
  { name: "weight", dims: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
]);

const facts: ContributionFacts = {
  line: "activity" as never,
  base,
  staleness: 0,
  champion: "c".repeat(64) as never,
  policy: defaultPolicy.intake,
  isWindowFull: false,
};

const resultOf = (delta: ParameterDelta): Digest =>
  digestOf(nodeCryptography, encodeParameters(applyDelta(base, delta)));

function contributionOf(delta: ParameterDelta, change: Partial<Contribution> = {}): Contribution {
  const values = delta.map(({ index, values: list }) => {
    const scale = Math.fround(Math.max(...list.map(Math.abs)) / 127);
    return {
      index,
      values: list.map((value) =>
        scale === 0 ? 0 : Math.fround(Math.round(value / scale) * scale),
      ),
    };
  });
  return {
    device: "a" as never,
    line: "activity" as never,
    contributionSequence: 1,
    base: "c".repeat(64) as never,
    delta: encodeDelta(delta),
    result: resultOf(values),
    examples: 40,
    steps: 10,
    evidence: { n: 10, wins: 1, losses: 0 },
    createdAtMs: 0 as never,
    ...change,
  };
}

const honest: ParameterDelta = [{ index: 0, values: Float32Array.of(0.5, -0.25) }];

const judge = (contribution: Contribution, change: Partial<ContributionFacts> = {}): string => {
  const outcome = judgeContribution(contribution, { ...facts, ...change }, nodeCryptography);
  return outcome.ok ? "accepted" : outcome.refusal.code;
};

it("[HB70] an honest contribution is accepted with its norm and its capped weight", () => {
  const outcome = judgeContribution(
    contributionOf(honest, { examples: 9999 }),
    facts,
    nodeCryptography,
  );
  expect(outcome).toEqual({
    ok: true,
    value: { norm: expect.closeTo(Math.hypot(0.5, 0.25), 2), weight: 512 },
  });
});

/** Sets the scale of the first tensor in encoded bytes. */
const withScale = (delta: Uint8Array, scale: number): Uint8Array => {
  const copy = delta.slice();
  new DataView(copy.buffer).setFloat32(4, scale, true);
  return copy;
};

it.each<[string, Contribution, Partial<ContributionFacts>]>([
  ["base.unknown", contributionOf(honest), { base: null }],
  ["base.unknown", contributionOf(honest, { line: "other" as never }), {}],
  ["delta.not_decodable", contributionOf(honest, { delta: Uint8Array.of(1, 0) }), {}],
  [
    "delta.not_decodable",
    contributionOf(honest, { delta: contributionOf(honest).delta.slice(0, -1) }),
    {},
  ],
  [
    "delta.shape_mismatch",
    contributionOf(honest, { delta: encodeDelta([{ index: 1, values: Float32Array.of(1, 2) }]) }),
    {},
  ],
  [
    "delta.shape_mismatch",
    contributionOf(honest, { delta: encodeDelta([{ index: 9, values: Float32Array.of(1, 2) }]) }),
    {},
  ],
  ["delta.shape_mismatch", contributionOf(honest, { delta: encodeDelta([]) }), {}],
  [
    "delta.not_finite",
    contributionOf(honest, { delta: withScale(encodeDelta(honest), Number.NaN) }),
    {},
  ],
  [
    "delta.not_finite",
    contributionOf(honest, { delta: withScale(encodeDelta(honest), Number.POSITIVE_INFINITY) }),
    {},
  ],
  ["delta.not_finite", contributionOf(honest, { delta: withScale(encodeDelta(honest), 3e38) }), {}],
  ["delta.norm_too_large", contributionOf([{ index: 0, values: Float32Array.of(50, -25) }]), {}],
  ["delta.result_mismatch", contributionOf(honest, { result: "0".repeat(64) as Digest }), {}],
  ["contribution.too_stale", contributionOf(honest), { staleness: 4 }],
  ["contribution.too_stale", contributionOf(honest), { staleness: null }],
  ["window.full", contributionOf(honest), { isWindowFull: true }],
])("[HB71] %s", (code, contribution, change) => {
  expect(judge(contribution, change)).toBe(code);
  // With everything later in precedence wrong as well, the earlier code is told all the same.
  const isLast = code === "window.full";
  expect(
    judge(contribution, isLast ? change : { staleness: 4, ...change, isWindowFull: true }),
  ).toBe(code);
});

it("[HB71] a delta that would take a parameter out of float32's range is delta.not_finite, not a crash", () => {
  const large = parameterSetOf([
    { name: "bias", dims: [2], data: Float32Array.of(3.4e38, 3.4e38) },
    { name: "weight", dims: [2, 2], data: new Float32Array(4) },
  ]);
  const delta = encodeDelta([{ index: 0, values: Float32Array.of(3e38, 3e38) }]);
  const policy = { ...defaultPolicy.intake, refuseNorm: Number.POSITIVE_INFINITY };
  expect(judge(contributionOf(honest, { delta }), { base: large, policy })).toBe(
    "delta.not_finite",
  );
});

it("[HB72] a delta at the staleness limit is fresh enough, one version further is not", () => {
  expect(judge(contributionOf(honest), { staleness: 3 })).toBe("accepted");
  expect(judge(contributionOf(honest), { staleness: 4 })).toBe("contribution.too_stale");
});

it("[HB73] a compression bomb inflates to the base's size and no further", () => {
  const honestBytes = encodeDelta(honest);
  const bomb = encodeDelta([{ index: 0, values: new Float32Array(1_000_000) }]);
  const spliced = new Uint8Array([...honestBytes.slice(0, 8), ...bomb.slice(8)]);
  expect(judge(contributionOf(honest, { delta: spliced }))).toBe("delta.shape_mismatch");
});
