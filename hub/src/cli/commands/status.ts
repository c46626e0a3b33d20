// `attune status`: the whole fleet in a few lines.
import type { Command } from "commander";
import type { HubState } from "../../state.ts";
import { formatDuration } from "../duration.ts";
import type { Invocation } from "../invocation.ts";
import type { Field } from "../output.ts";
import type { Attach } from "../program.ts";
import { lineFields, recentRows } from "./rollout.ts";

export function addStatusCommand(program: Command, attach: Attach): void {
  attach(program.command("status").description("the whole fleet in a few lines"), showStatus);
}

async function showStatus({ hub, printOne }: Invocation): Promise<undefined> {
  const client = hub();
  const state = await client.json<HubState>("GET", "/api/state");
  const { broker, devices, trust, refusals, faults } = state;
  const fields: Field[] = [
    [
      "fleet",
      `${state.fleet} at ${client.url}, up ${formatDuration(state.nowMs - state.startedAtMs)}`,
    ],
    [
      "broker",
      `${broker.kind}${broker.mqttUrl === null ? "" : ` ${broker.mqttUrl}`}, ${broker.isConnected ? "connected" : "NOT connected"}`,
    ],
    [
      "trust",
      trust.version === null
        ? trust.why
        : `root ${trust.version}${trust.isDemo ? " (demo keys)" : ""}, ${trust.releaseThreshold} of ${trust.releaseKeyIds.length} release keys sign`,
    ],
    [
      "devices",
      `${devices.total}: ${devices.connected} connected, ${devices.quarantined} in quarantine, ${devices.retired} retired`,
    ],
    [
      "refusals",
      refusals.total === 0
        ? "none"
        : `${refusals.total}: ${Object.entries(refusals.byCode)
            .map(([code, count]) => `${code} ${count}`)
            .join(", ")}`,
    ],
    ["audit", `${state.audit.length} rows, head ${state.audit.head.slice(0, 16)}`],
    ...faults.map(({ code, message, hint }): Field => ["fault", `${code}: ${message}; ${hint}`]),
  ];
  if (state.lines.length === 0) {
    fields.push(["lines", "none yet: attune model add PACKAGE --line NAME"]);
  }
  const rows = await recentRows(client, state);
  for (const line of state.lines) fields.push(["", ""], ...lineFields(line, state.nowMs, rows));
  printOne(state, fields);
}
