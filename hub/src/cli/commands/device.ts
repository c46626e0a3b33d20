// `attune device`: who is in the fleet, and who may join it.
import type { Command } from "commander";
import type { DeviceSummary } from "../../state.ts";
import { formatDuration, parseDuration } from "../duration.ts";
import { CommandError, exitCodes } from "../exitCodes.ts";
import type { Invocation } from "../invocation.ts";
import type { Column, Field } from "../output.ts";
import type { Attach } from "../program.ts";

/** A fleet's whole list; a hub of this design serves tens of thousands. */
const DEVICES_MAX = 100_000;

export function addDeviceCommands(program: Command, attach: Attach): void {
  const device = program.command("device").description("who is in the fleet, and who may join it");
  attach<TokenOptions>(
    device
      .command("token")
      .description("make an enrolment token; it is all that stdout gets")
      .option("--cohort <name>", "where its devices begin", "default")
      .option("--uses <count>", "how many devices it lets in", "1")
      .option("--expires <span>", "how long it is good, like 24h or 7d", "24h")
      .option("--note <text>", "what it is for", ""),
    makeToken,
  );
  attach<ListOptions>(
    device
      .command("list")
      .description("all devices")
      .option("--cohort <name>", "only those of a cohort")
      .option("--line <name>", "only those of a model line"),
    listDevices,
  );
  attach(device.command("show <device>").description("one device"), showDevice);
  attach<ReasonOptions>(
    device
      .command("move <device>")
      .description("put a device into another cohort")
      .requiredOption("--cohort <name>", "the cohort that it moves to")
      .requiredOption("--reason <text>", "why; it is kept in the audit"),
    changeDevice("PUT", "cohort"),
  );
  attach<ReasonOptions>(
    device
      .command("retire <device>")
      .description("end a device's life here: its key is refused from now on")
      .requiredOption("--reason <text>", "why; it is kept in the audit")
      .option("--yes", "do not ask"),
    changeDevice("POST", "retire"),
  );
  attach<ReasonOptions>(
    device
      .command("quarantine <device>")
      .description("keep a device's deltas out of aggregates; it is served as before")
      .requiredOption("--reason <text>", "why; it is kept in the audit")
      .option("--lift", "end the quarantine"),
    changeDevice("POST", "quarantine"),
  );
}

interface TokenOptions {
  readonly cohort: string;
  readonly uses: string;
  readonly expires: string;
  readonly note: string;
}

async function makeToken({
  hub,
  options,
  printOne,
  note,
  terminal,
}: Invocation<TokenOptions>): Promise<undefined> {
  const expiresInMs = parseDuration(options.expires);
  const uses = Number(options.uses);
  if (expiresInMs === null || !Number.isSafeInteger(uses) || uses < 1) {
    throw new CommandError(
      exitCodes.usage,
      "operator.request_invalid",
      expiresInMs === null
        ? `${options.expires} is no span of time`
        : `${options.uses} is no count of devices`,
      "write them like --expires 24h --uses 30",
    );
  }
  const made = await hub().json<{ token: string; expiresAtMs: number }>(
    "POST",
    "/api/enrolment-tokens",
    { cohort: options.cohort, uses, expiresInMs, note: options.note },
  );
  if (options.output === "table") {
    terminal.out(`${made.token}\n`);
    note(
      `good for ${uses === 1 ? "one device" : `${uses} devices`} of cohort ${options.cohort} until ${new Date(made.expiresAtMs).toISOString()}; it is not shown again`,
    );
    return;
  }
  printOne(made, []);
}

interface ListOptions {
  readonly cohort?: string;
  readonly line?: string;
}

const short = (version: string | null): string => version?.slice(0, 8) ?? "-";
const presence = ({ status, isConnected }: DeviceSummary): string =>
  status === "active"
    ? isConnected === null
      ? "unknown"
      : isConnected
        ? "connected"
        : "away"
    : status;

async function listDevices(invocation: Invocation<ListOptions>): Promise<undefined> {
  const { hub, options, printRows } = invocation;
  const query = new URLSearchParams();
  if (options.cohort !== undefined) query.set("cohort", options.cohort);
  if (options.line !== undefined) query.set("line", options.line);
  const devices = await hub().list<DeviceSummary>(`/api/devices?${query}`, DEVICES_MAX);
  const columns: Column<DeviceSummary>[] = [
    { header: "DEVICE", value: ({ device }) => device },
    { header: "COHORT", value: ({ cohort }) => cohort },
    { header: "PRESENCE", value: presence },
    {
      header: "SERVES",
      value: ({ active, target }) =>
        active !== null && target !== null && active !== target
          ? `${short(active)} -> ${short(target)}`
          : short(active),
    },
    {
      header: "PERSONAL",
      align: "right",
      value: ({ personalUsers, users }) => `${personalUsers}/${users}`,
    },
    { header: "DELTAS", align: "right", value: ({ contributions }) => `${contributions}` },
    { header: "REFUSED", align: "right", value: ({ refusals }) => `${refusals}` },
    { header: "DOING", value: ({ doing, isCanary }) => (isCanary ? `canary: ${doing}` : doing) },
  ];
  printRows(devices, columns, "no devices yet: let one in with: attune device token");
}

const path = (device: string): string => `/api/devices/${encodeURIComponent(device)}`;

function deviceFields(device: DeviceSummary, nowMs: number): readonly Field[] {
  const { counts } = device;
  return [
    ["device", device.device],
    ["cohort", `${device.cohort} of line ${device.line}`],
    [
      "presence",
      `${presence(device)}${device.lastSeenMs === null ? "" : `, seen ${formatDuration(nowMs - device.lastSeenMs)} ago`}`,
    ],
    ["serves", short(device.active)],
    [
      "should serve",
      `${short(device.target)} by decision ${device.decisionSequence}${device.isCanary ? ", as a canary" : ""}`,
    ],
    ["users", `${device.users}, ${device.personalUsers} with parameters of their own`],
    ["doing", device.doing],
    [
      "deltas",
      `${device.contributions} committed, ${device.refusals} message${device.refusals === 1 ? "" : "s"} refused`,
    ],
    ...(counts === null
      ? []
      : [
          [
            "answers",
            `${counts.predictions}, ${counts.feedback} with feedback, ${counts.correct} of those right`,
          ] as const,
          ["alarms", `${counts.alarms}, ${counts.outliers} windows out of distribution`] as const,
          [
            "trainings",
            `${counts.trainings}: ${counts.adopted} adopted, ${counts.dropped} dropped, ${counts.reverted} reverted`,
          ] as const,
        ]),
    ["enrolled", new Date(device.enrolledAtMs).toISOString()],
  ];
}

async function showDevice(invocation: Invocation): Promise<undefined> {
  const [device = ""] = invocation.arguments;
  const found = await invocation.hub().json<DeviceSummary>("GET", path(device));
  invocation.printOne(found, deviceFields(found, invocation.nowMs()));
}

interface ReasonOptions {
  readonly reason: string;
  readonly cohort?: string;
  readonly lift?: boolean;
  readonly yes?: boolean;
}

const changeDevice =
  (method: "POST" | "PUT", action: "retire" | "quarantine" | "cohort") =>
  async (invocation: Invocation<ReasonOptions>): Promise<undefined> => {
    const { options, hub, printOne, confirm, nowMs } = invocation;
    const [device = ""] = invocation.arguments;
    if (action === "retire") {
      await confirm(
        `${device} will be refused for good and has to enrol again. Retire it?`,
        options.yes === true,
      );
    }
    const changed = await hub().json<DeviceSummary>(
      options.lift === true ? "DELETE" : method,
      `${path(device)}/${action}`,
      {
        reason: options.reason,
        ...(options.cohort === undefined ? {} : { cohort: options.cohort }),
      },
    );
    printOne(changed, deviceFields(changed, nowMs()));
  };
