// `attune drift`: what drifts together and what alone, drifted first, with an explicit verdict.
import type { DriftReport } from "@attune/protocol";
import type { Command } from "commander";
import type { FleetDrift } from "../../state.ts";
import { aloneSentence, groupSentence, reportLines, verdictWord } from "../driftWords.ts";
import { formatDuration } from "../duration.ts";
import type { Invocation } from "../invocation.ts";
import type { Field } from "../output.ts";
import type { Attach } from "../program.ts";

interface DriftOptions {
  readonly cohort?: string;
  readonly line?: string;
}

export function addDriftCommand(program: Command, attach: Attach): void {
  attach<DriftOptions>(
    program
      .command("drift [device]")
      .description("what drifts together and what alone, or what one device says")
      .option("--cohort <name>", "only devices of a cohort")
      .option("--line <name>", "only those of a model line"),
    showDrift,
  );
}

type LineDrift = FleetDrift & { readonly line: string; readonly cohort: string | null };

async function showDrift(invocation: Invocation<DriftOptions>): Promise<undefined> {
  const [device] = invocation.arguments;
  if (device !== undefined) return showDevice(invocation, device);
  const { hub, options, printOne, nowMs } = invocation;
  const query = new URLSearchParams();
  if (options.cohort !== undefined) query.set("cohort", options.cohort);
  if (options.line !== undefined) query.set("line", options.line);
  const answer = await hub().json<{ items: readonly LineDrift[] }>("GET", `/api/drift?${query}`);
  const fields = answer.items.flatMap((drift, index) => [
    ...(index === 0 ? [] : [["", ""] as const]),
    ...lineFields(drift, nowMs()),
  ]);
  printOne(answer, fields);
}

function lineFields(drift: LineDrift, nowMs: number): readonly Field[] {
  const { counts, together, alone } = drift;
  return [
    ["line", `${drift.line}${drift.cohort === null ? "" : `, cohort ${drift.cohort}`}`],
    ["verdict", `${verdictWord(drift.verdict)}: ${drift.why}`],
    ...together.map((group): Field => ["together", groupSentence(group, nowMs)]),
    ...moreOf(drift.unnamedGroups, "groups"),
    ...alone.map((one): Field => ["alone", `${one.device}: ${aloneSentence(one, nowMs)}`]),
    ...moreOf(drift.unnamedAlone, "devices"),
    ["users", `${counts.driftedUsers} of ${counts.users} drift`],
    ["data", `quarantined on ${counts.quarantining} devices`],
    ["rules", `broken now on ${counts.breakingRules} devices`],
  ];
}

function moreOf(count: number, what: string): readonly Field[] {
  return count === 0 ? [] : [["", `and ${count} more ${what}`]];
}

interface DeviceAnswer {
  readonly device: string;
  readonly receivedAtMs: number | null;
  readonly drift: DriftReport | null;
  readonly history: readonly {
    readonly receivedAtMs: number;
    readonly drift: DriftReport;
  }[];
}

async function showDevice(
  { hub, printOne, nowMs }: Invocation<DriftOptions>,
  device: string,
): Promise<undefined> {
  const answer = await hub().json<DeviceAnswer>(
    "GET",
    `/api/devices/${encodeURIComponent(device)}/drift`,
  );
  const { drift, receivedAtMs, history } = answer;
  const ago = (atMs: number): string => `${formatDuration(nowMs() - atMs)} ago`;
  printOne(answer, [
    ["device", answer.device],
    [
      "verdict",
      drift === null || receivedAtMs === null
        ? "it has said nothing of drift yet"
        : `${verdictWord(drift.verdict)}: ${drift.driftedUsers} of ${drift.users} users drift, ${drift.learningUsers} still learn; said ${ago(receivedAtMs)}`,
    ],
    ...(drift === null ? [] : reportLines(drift)),
    ...history.map(
      (row): Field => [
        "before",
        `${ago(row.receivedAtMs)} ${verdictWord(row.drift.verdict)} with ${row.drift.findings.length + row.drift.unnamedFindings} findings`,
      ],
    ),
  ]);
}
