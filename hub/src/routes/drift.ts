// Routes of drift: what drifts together and what alone, and what one device has said of it.
import { accept, deviceIdSchema, type LineId, refuse } from "@attune/protocol";
import { z } from "@hono/zod-openapi";
import { type Api, defineRoute } from "./api.ts";
import { idField } from "./idField.ts";

const name = z.string().max(64).optional();

export function driftRoutes(api: Api): void {
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/drift",
      summary:
        "What drifts in each line, or in one cohort: together and alone, drifted first; of bounded size",
      role: "viewer",
      query: z.object({ line: name, cohort: name }),
    },
    ({ hub, query }) => {
      const { lines } = hub.context.memory;
      const { line, cohort = null } = query;
      if (line !== undefined && !lines.has(line as LineId)) {
        return refuse("operator.request_invalid", `there is no line ${line}`);
      }
      const chosen = [...lines.values()]
        .map(({ row }) => row)
        .filter((row) => line === undefined || row.line === line)
        .sort((a, b) => (a.line < b.line ? -1 : 1));
      const isKnown = chosen.some(({ state }) => cohort === null || cohort in state.cohorts);
      if (!isKnown && cohort !== null) {
        return refuse("operator.cohort_unknown", `no line has a cohort ${cohort}`);
      }
      return accept({
        items: chosen.map((row) => ({
          line: row.line,
          cohort,
          ...hub.documents.drift(row.line, cohort),
        })),
        nextCursor: null,
      });
    },
  );
  defineRoute(
    api,
    {
      method: "get",
      path: "/api/devices/{device}/drift",
      summary: "What a device says of drift now, and what it said before, newest first",
      role: "viewer",
      params: z.object({ device: idField(deviceIdSchema) }),
    },
    async ({ hub, params }) => {
      const { memory, store } = hub.context;
      const known = memory.devices.get(params.device);
      if (known === undefined) {
        return refuse("device.unknown", `there is no device ${params.device}`);
      }
      const { report } = known;
      return accept({
        device: params.device,
        receivedAtMs: report?.receivedAtMs ?? null,
        drift: report?.report.drift ?? null,
        history: await store.driftHistory(params.device),
      });
    },
  );
}
