// Routes of model lines: state, policy, validation set, rollouts, pins, rollbacks.
import {
  accept,
  type CohortId,
  cohortIdSchema,
  type LineId,
  lineIdSchema,
  type Outcome,
  type PersonalFate,
  refuse,
} from "@attune/protocol";
import { z } from "@hono/zod-openapi";
import { UPLOAD_BYTES_MAX } from "../limits.ts";
import { mergePolicy } from "../policy.ts";
import type { LineMemory } from "../shell/hubMemory.ts";
import { setPolicy, storeValidationSet } from "../shell/modelActs.ts";
import { removePin, rollBack, steerRollout } from "../shell/rolloutActs.ts";
import type { RunningHub } from "../shell/runningHub.ts";
import { type Api, bytesBody, defineRoute, reasonBody } from "./api.ts";
import { idField } from "./idField.ts";
import { parsePolicy } from "./policySchema.ts";
import { findVersion } from "./versions.ts";

const line = idField(lineIdSchema);
const cohort = idField(cohortIdSchema);
const lineParams = z.object({ line });
const fate: z.ZodType<PersonalFate> = z.enum(["keep", "refit", "park", "discard"]);

export function lineRoutes(api: Api): void {
  defineRoute(
    api,
    { method: "get", path: "/api/lines", summary: "Model lines", role: "viewer" },
    ({ hub }) => accept({ items: hub.state().lines, nextCursor: null }),
  );
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/lines/{line}",
      summary: "One model line",
      role: "viewer",
      params: lineParams,
    },
    ({ hub, params }) => withLine(hub, params.line, (known) => accept(hub.documents.line(known))),
  );
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/lines/{line}/policy",
      summary: "The rules of a line",
      role: "viewer",
      params: lineParams,
    },
    ({ hub, params }) => withLine(hub, params.line, ({ row }) => accept(row.policy)),
  );
  defineRoute(
    api,
    {
      method: "put",
      path: "/api/lines/{line}/policy",
      summary: "Changes rules of a line; what is left out stays",
      role: "admin",
      params: lineParams,
      body: z.object({
        policy: z.record(z.string(), z.unknown()),
        reason: z.string().trim().min(1).max(500),
      }),
    },
    ({ hub, params, body, actor }) => {
      const before = hub.context.memory.lines.get(params.line)?.row.policy ?? hub.newLinePolicy;
      const policy = parsePolicy(mergePolicy(before, body.policy));
      return policy.ok ? setPolicy(hub, params.line, policy.value, body.reason, actor) : policy;
    },
  );
  defineRoute(
    api,
    {
      method: "put",
      path: "/api/lines/{line}/validation-set",
      summary: "Stores what versions of a line are judged by",
      role: "admin",
      params: lineParams,
      body: bytesBody(UPLOAD_BYTES_MAX),
    },
    ({ hub, params, body, actor }) => storeValidationSet(hub, params.line, body, actor),
  );
  for (const order of ["halt", "proceed"] as const) {
    defineRoute(
      api,
      {
        method: "post",
        path: `/api/rollouts/{line}/${order}`,
        summary:
          order === "halt"
            ? "Stops a rollout; it never grows again"
            : "Lets a canary that is held go on",
        role: "admin",
        params: lineParams,
        body: reasonBody,
      },
      ({ hub, params, body, actor }) =>
        withLine(hub, params.line, async (known) => {
          const steered = await steerRollout(hub, params.line, order, body.reason, actor);
          return steered.ok ? accept(hub.documents.line(known)) : steered;
        }),
    );
  }
  defineRoute(
    api,
    {
      method: "delete",
      path: "/api/pins/{line}/{cohort}",
      summary: "Lets a cohort that a person rolled back follow its line again",
      role: "admin",
      params: z.object({ line, cohort }),
      body: reasonBody,
    },
    ({ hub, params, body, actor }) =>
      withLine(hub, params.line, async (known) => {
        const removed = await removePin(hub, params.line, params.cohort, body.reason, actor);
        return removed.ok ? accept(hub.documents.line(known)) : removed;
      }),
  );
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/rollbacks/preview",
      summary: "The dry run of a rollback, for whoever may read: exactly what would be done",
      role: "viewer",
      query: z.object({
        line: line.optional(),
        cohort,
        to: z.string().min(4).max(128),
        personal: fate.optional(),
      }),
    },
    ({ hub, query, actor }) =>
      rollBackTo(hub, { ...query, reason: "a preview", dryRun: true }, actor),
  );
  defineRoute(
    api,
    {
      method: "post",
      path: "/api/rollbacks",
      summary: "Previews a rollback, or does it: the preview is exactly what is done",
      role: "admin",
      body: z.object({
        line: line.optional(),
        cohort,
        to: z.string().min(4).max(128),
        reason: z.string().trim().min(1).max(500),
        dryRun: z.boolean().default(false),
        personal: fate.optional(),
      }),
    },
    ({ hub, body, actor }) => rollBackTo(hub, body, actor),
  );
}

function rollBackTo(
  hub: RunningHub,
  order: {
    readonly line?: LineId | undefined;
    readonly cohort: CohortId;
    readonly to: string;
    readonly reason: string;
    readonly dryRun: boolean;
    readonly personal?: PersonalFate | undefined;
  },
  actor: string,
): Outcome<unknown> | Promise<Outcome<unknown>> {
  const found = findVersion(hub, order.to);
  if (!found.ok) return found;
  return rollBack(
    hub,
    {
      line: order.line ?? found.value.line,
      cohort: order.cohort,
      to: found.value.version,
      reason: order.reason,
      isDryRun: order.dryRun,
      personal: order.personal ?? null,
    },
    actor,
  );
}

function withLine(
  hub: RunningHub,
  name: LineId,
  use: (line: LineMemory) => Outcome<unknown> | Promise<Outcome<unknown>>,
): Outcome<unknown> | Promise<Outcome<unknown>> {
  const known = hub.context.memory.lines.get(name);
  return known === undefined
    ? refuse("operator.version_unknown", `there is no line ${name}`)
    : use(known);
}
