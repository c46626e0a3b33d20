// Which policies a line may have: the shape, and the bounds that keep one part from breaking another.
import { accept, CONTRIBUTION_EXAMPLES_MAX, type Outcome, refuse } from "@attune/protocol";
import { z } from "@hono/zod-openapi";
import { addendUnitsMax } from "../core/aggregate/exactSum.ts";
import type { LinePolicy } from "../policy.ts";

const ms = z.number().positive().max(Number.MAX_SAFE_INTEGER);
const share = z.number().gt(0).lt(1);
const evidence = z.number().min(1);
const fate = z.enum(["keep", "refit", "park", "discard"]);

const policySchema: z.ZodType<LinePolicy> = z.strictObject({
  window: z
    .strictObject({
      quorum: z.int().min(1),
      contributionsMin: z.int().min(1),
      contributionsMax: z.int().min(1).max(4096),
      deadlineMs: ms,
    })
    .refine(
      ({ quorum, contributionsMin, contributionsMax }) =>
        contributionsMin <= quorum && quorum <= contributionsMax,
      { message: "needs contributionsMin <= quorum <= contributionsMax" },
    ),
  intake: z
    .strictObject({
      clipNorm: z.number().positive(),
      refuseNorm: z.number().positive(),
      stalenessMax: z.int().min(0).max(16),
      examplesMax: z.int().min(1).max(CONTRIBUTION_EXAMPLES_MAX),
    })
    .refine(({ clipNorm, refuseNorm }) => clipNorm <= refuseNorm, {
      message: "needs clipNorm <= refuseNorm",
    })
    .refine(({ clipNorm, examplesMax }) => clipNorm * examplesMax <= addendUnitsMax, {
      message: `needs clipNorm * examplesMax <= ${addendUnitsMax}, or the exact sum could overflow`,
    }),
  gate: z.strictObject({
    normMax: z.number().positive(),
    validation: z.strictObject({
      margin: z.number().min(0).max(1),
      alpha: share,
      resamples: z.int().min(100).max(100_000),
      sliceMargin: z.number().min(0).max(1),
      sliceSamplesMin: z.int().min(1),
      deadlineMs: ms,
    }),
    shadow: z.strictObject({
      devicesMin: z.int().min(1),
      betterLimit: evidence,
      harmLimit: evidence,
      discordantPerDeviceMax: z.int().min(1),
      deadlineMs: ms,
      imported: z.boolean(),
    }),
    approval: z.enum(["none", "person"]),
    approvalDeadlineMs: ms,
    holdDeadlineMs: ms,
  }),
  signing: z.strictObject({ deadlineMs: ms }),
  rollout: z.strictObject({
    canaryDevices: z.int().min(3),
    minorityShare: z.number().gt(0).max(1),
    stages: z
      .array(z.number().gt(0).max(1))
      .min(1)
      .max(16)
      .refine((stages) => stages.at(-1) === 1, { message: "must end with 1: the whole fleet" })
      .refine(
        (stages) => stages.every((stage, index) => index === 0 || stage > (stages[index - 1] ?? 0)),
        { message: "must rise" },
      ),
    harmLimit: evidence,
    discordantPerDeviceMax: z.int().min(1),
    margin: share,
    alpha: share,
    watchMs: ms,
    canaryDeadlineMs: ms,
    atCanaryDeadline: z.enum(["spread", "hold", "rollback"]),
    holdDeadlineMs: ms,
    spreadDeadlineMs: ms,
    haltDeadlineMs: ms,
    bakeMs: ms,
    bakedShareMin: z.number().gt(0).max(1),
  }),
  personal: z.strictObject({ onPromotion: fate, onRollback: fate }),
  guards: z.enum(["on", "off"]),
});

/**
 * Checks a whole policy.
 *
 * @returns the policy, or `operator.request_invalid` with the first field that is wrong
 */
export function parsePolicy(policy: unknown): Outcome<LinePolicy> {
  const parsed = policySchema.safeParse(policy);
  if (parsed.success) return accept(parsed.data);
  const [issue] = parsed.error.issues;
  return refuse(
    "operator.request_invalid",
    `policy.${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}`,
  );
}
