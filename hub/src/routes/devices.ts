// Routes of devices and of the tokens that enrol them.
import {
  accept,
  type CohortId,
  cohortIdSchema,
  type DeviceId,
  deviceIdSchema,
  formatEnrolmentToken,
  type Outcome,
  refuse,
} from "@attune/protocol";
import { z } from "@hono/zod-openapi";
import { createEnrolmentToken, moveDevice, setDeviceStatus } from "../shell/deviceActs.ts";
import type { RunningHub } from "../shell/runningHub.ts";
import { type Api, defineRoute, pageFields, pageOf, reasonBody } from "./api.ts";
import { idField } from "./idField.ts";

const DAY_MS = 86_400_000;

const deviceParams = z.object({ device: idField(deviceIdSchema) });
const cohort = idField(cohortIdSchema);

export function deviceRoutes(api: Api): void {
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/devices",
      summary: "Devices, by id",
      role: "viewer",
      query: z.object({
        cohort: z.string().max(64).optional(),
        line: z.string().max(64).optional(),
        ...pageFields,
      }),
    },
    ({ hub, query }) => {
      const chosen = [...hub.context.memory.devices.values()]
        .filter(({ row }) => query.cohort === undefined || row.cohort === query.cohort)
        .filter(({ row }) => query.line === undefined || row.line === query.line)
        .sort((a, b) => (a.row.device < b.row.device ? -1 : 1));
      const page = pageOf(chosen, query);
      const items = page.items.map((device) => hub.documents.device(device));
      return accept({ items, nextCursor: page.nextCursor });
    },
  );
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/devices/{device}",
      summary: "One device with its latest report, receipts, contributions and refusals",
      role: "viewer",
      params: deviceParams,
    },
    async ({ hub, params }) => {
      const known = hub.context.memory.devices.get(params.device);
      if (known === undefined) {
        return refuse("device.unknown", `there is no device ${params.device}`);
      }
      const { store, memory } = hub.context;
      const page = { limit: 20, cursor: null };
      const [receipts, contributions] = await Promise.all([
        store.receipts({ device: params.device, version: null }, page),
        store.contributions({ device: params.device, line: null }, page),
      ]);
      return accept({
        ...hub.documents.device(known),
        keyId: known.row.keyId,
        report: known.report,
        receipts: receipts.items,
        latestContributions: contributions.items,
        refusalCounts: [...memory.refusalCounts.values()].filter(
          ({ device }) => device === params.device,
        ),
      });
    },
  );
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/enrolment-tokens",
      summary: "Enrolment tokens, without their secrets",
      role: "admin",
    },
    ({ hub }) =>
      accept({
        items: [...hub.context.memory.enrolmentTokens.values()]
          .map(({ secretHash: _hash, ...row }) => row)
          .reverse(),
        nextCursor: null,
      }),
  );
  defineRoute(
    api,
    {
      method: "post",
      path: "/api/enrolment-tokens",
      summary: "Makes an enrolment token; it is shown this once",
      role: "admin",
      body: z.object({
        cohort: cohort.default("default" as CohortId),
        uses: z.int().min(1).max(100_000).default(1),
        expiresInMs: z
          .number()
          .positive()
          .max(3650 * DAY_MS)
          .default(DAY_MS),
        note: z.string().max(500).default(""),
      }),
      status: 201,
    },
    async ({ hub, body, actor }) => {
      const made = await createEnrolmentToken(hub, body, actor);
      if (!made.ok) return made;
      const { row, secret, fingerprint } = made.value;
      const { fleet } = hub.context;
      return accept({
        id: row.id,
        token: formatEnrolmentToken({ fleet, secret, fingerprint }),
        uses: row.usesMax,
        cohort: row.cohort,
        expiresAtMs: row.expiresAtMs,
      });
    },
  );
  const setStatus = (
    method: "post" | "delete",
    path: string,
    status: "active" | "quarantined" | "retired",
    summary: string,
  ): void =>
    defineRoute(
      api,
      { method, path, summary, role: "admin", params: deviceParams, body: reasonBody },
      async ({ hub, params, body, actor }) =>
        documentOf(hub, await setDeviceStatus(hub, params.device, status, body.reason, actor)),
    );
  setStatus("post", "/api/devices/{device}/retire", "retired", "Retires a device for ever");
  setStatus(
    "post",
    "/api/devices/{device}/quarantine",
    "quarantined",
    "Keeps a device's contributions out, and the device out of evidence",
  );
  setStatus("delete", "/api/devices/{device}/quarantine", "active", "Ends a quarantine");
  defineRoute(
    api,
    {
      method: "put",
      path: "/api/devices/{device}/cohort",
      summary: "Moves a device to another cohort",
      role: "admin",
      params: deviceParams,
      body: z.object({ cohort, reason: z.string().trim().min(1).max(400) }),
    },
    async ({ hub, params, body, actor }) =>
      documentOf(hub, await moveDevice(hub, params.device, body.cohort, body.reason, actor)),
  );
}

function documentOf(hub: RunningHub, outcome: Outcome<DeviceId>): Outcome<unknown> {
  if (!outcome.ok) return outcome;
  const known = hub.context.memory.devices.get(outcome.value);
  return accept(known === undefined ? null : hub.documents.device(known));
}
