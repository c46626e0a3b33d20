// `attune rollout`: what is on its way to the fleet, why it waits, and the two words that a person may say.
import type { Command } from "commander";
import type { AuditRow } from "../../core/audit/auditChain.ts";
import type { ChallengerState, HubState, LineSummary } from "../../state.ts";
import { auditSentence } from "../auditSentence.ts";
import { formatDuration } from "../duration.ts";
import { watchEvents } from "../eventStream.ts";
import type { HubClient } from "../hubClient.ts";
import { untilInterrupted, waitUnlessInterrupted } from "../interrupt.ts";
import type { Invocation } from "../invocation.ts";
import { lastEnding } from "../lastEnding.ts";
import type { Field } from "../output.ts";
import type { Attach } from "../program.ts";
import { theLine } from "../theLine.ts";
import { gateFields } from "./version.ts";

interface LineOption {
  readonly line?: string;
}

export function addRolloutCommands(program: Command, attach: Attach): void {
  const rollout = program.command("rollout").description("what is on its way to the fleet");
  const withLine = (command: Command): Command =>
    command.option("--line <name>", "the model line, when there are several");
  attach<LineOption>(
    withLine(rollout.command("show").description("where the challenger is, and why it waits")),
    showRollout,
  );
  attach<LineOption>(
    withLine(
      rollout
        .command("watch")
        .description("the same, as it happens, until ctrl-C (one line an event)"),
    ),
    watchRollout,
  );
  for (const [word, description] of [
    ["halt", "stop a rollout for good: it never grows again and is rolled back at its deadline"],
    ["proceed", "let a rollout go on that holds"],
  ] as const) {
    attach<LineOption & { readonly reason: string }>(
      withLine(
        rollout
          .command(word)
          .description(description)
          .requiredOption("--reason <text>", "why; it is kept in the audit"),
      ),
      say(word),
    );
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} points`;

/** A challenger as labelled lines; all its numbers, so that nobody has to take a verdict on trust. */
function challengerFields(challenger: ChallengerState, nowMs: number): readonly Field[] {
  const { gate, rollout, version } = challenger;
  const left = challenger.deadlineAtMs - nowMs;
  const fields: Field[] = [
    [
      "challenger",
      version === null
        ? `an ${challenger.source} that is being made`
        : `${version.short} (generation ${version.generation}, ${version.source})`,
    ],
    ["stage", `${challenger.stage} for ${formatDuration(nowMs - challenger.sinceMs)}`],
    ["why", challenger.why],
    ["deadline", left <= 0 ? "now" : `in ${formatDuration(left)}`],
  ];
  if (gate.checks.length > 0) fields.push(...gateFields(gate));
  if (rollout !== null) {
    const { health, selectedDevices, faults } = rollout;
    const n = health.devices.reduce((sum, device) => sum + device.n, 0);
    fields.push(
      [
        "rollout",
        `stage ${rollout.stageIndex + 1} of ${rollout.stageCount + 1}: ${rollout.activated} serve it, ${rollout.baked} baked`,
      ],
      ...(challenger.stage === "canary"
        ? [["  canaries", selectedDevices.join(" ")] satisfies Field]
        : []),
      ["  exposure", `${n} windows on ${health.devices.length} devices, champion in shadow`],
      [
        "  difference",
        health.interval === null
          ? "not enough data"
          : `${percent(health.interval.low)} to ${percent(health.interval.high)}, margin -${percent(health.margin)}`,
      ],
      [
        "  harm",
        `evidence ${health.harmEvidence.toPrecision(3)}, halts at ${health.harmLimit.toPrecision(3)}`,
      ],
      ...faults.map(
        ({ device, outcome, code, message }): Field => [
          "  fault",
          `${device} ${outcome}: ${code} ${message}`,
        ],
      ),
    );
  }
  return fields;
}

/** Rows that are looked through for the last ending. */
const ROWS_BACK = 500;

/** How the last challengers ended; asked only where nothing is on its way, which is when somebody wonders. */
export async function recentRows(hub: HubClient, state: HubState): Promise<readonly AuditRow[]> {
  if (state.lines.every(({ challenger }) => challenger !== null)) return [];
  const after = Math.max(0, state.audit.length - ROWS_BACK);
  return hub.list<AuditRow>(`/api/audit?after=${after}`, ROWS_BACK);
}

/** A line of models in a few labelled lines. */
export function lineFields(
  line: LineSummary,
  nowMs: number,
  rows: readonly AuditRow[],
): readonly Field[] {
  const { champion, challenger, queue } = line;
  return [
    [
      "line",
      `${line.line}${line.guards === "off" ? ", GUARDS OFF: gates are shown, not obeyed" : ""}`,
    ],
    [
      "champion",
      champion === null
        ? "none yet"
        : `${champion.short} (generation ${champion.generation}) on ${champion.servingDevices} devices`,
    ],
    ["window", `${line.window.number}: ${line.window.why}`],
    ...(challenger === null
      ? [["challenger", noneBecause(rows, line.line, nowMs)] satisfies Field]
      : challengerFields(challenger, nowMs)),
    ...(queue.length === 0
      ? []
      : [["queue", queue.map(({ short }) => short).join(" ")] satisfies Field]),
  ];
}

const noneBecause = (rows: readonly AuditRow[], line: string, nowMs: number): string => {
  const ending = lastEnding(rows, line);
  return ending === null
    ? "none"
    : `none; ${formatDuration(nowMs - ending.atMs)} ago: ${auditSentence(ending)}`;
};

async function showRollout(invocation: Invocation<LineOption>): Promise<undefined> {
  const hub = invocation.hub();
  const { line, state } = await theLine(hub, invocation.options.line);
  invocation.printOne(line, lineFields(line, state.nowMs, await recentRows(hub, state)));
}

const isAboutRollouts = (action: string): boolean =>
  /^(?:window|candidate|gate|approval|signing|release|rollout|rollback|pin|decision|receipt|model)\./.test(
    action,
  );

async function watchRollout(invocation: Invocation<LineOption>): Promise<undefined> {
  const { options, terminal, note, printLine } = invocation;
  const hub = invocation.hub();
  // A line that does not exist is said now, not waited for.
  if (options.line !== undefined) await theLine(hub, options.line);
  const progress = createProgress(invocation);
  await untilInterrupted(async (signal) => {
    const away = (waitMs: number): void => {
      progress.clear();
      note(`the hub is away; trying again in ${formatDuration(waitMs)}`);
    };
    for await (const { event, data } of watchEvents(hub, signal, away, waitUnlessInterrupted)) {
      if (event === "state") {
        progress.show(JSON.parse(data) as HubState);
      } else if (event === "audit") {
        const row = JSON.parse(data) as AuditRow;
        if (!isAboutRollouts(row.action)) continue;
        if (options.line !== undefined && row.line !== options.line) continue;
        progress.clear();
        printLine(row, `${clockTime(row.atMs)}  ${auditSentence(row)}`);
      }
    }
  });
  progress.clear();
  if (terminal.isErrTty) note("");
}

/** `14:03:59`, by the clock of whoever reads it. */
export const clockTime = (atMs: number): string =>
  new Date(atMs).toLocaleTimeString("en-GB", { hour12: false });

/** One line at the bottom of the terminal that is drawn over itself; nothing where no person looks. */
function createProgress({ terminal, options, ink }: Invocation<LineOption>): {
  show(state: HubState): void;
  clear(): void;
} {
  const clear = (): void => {
    if (terminal.isErrTty) terminal.err("\r\u001b[K");
  };
  return {
    clear,
    show: (state) => {
      if (!terminal.isErrTty) return;
      const lines = state.lines.filter(({ line }) => (options.line ?? line) === line);
      const text = lines
        .map(({ line, window, challenger }) =>
          challenger === null
            ? `${line}: ${window.why}`
            : `${challenger.version?.short ?? line} ${challenger.stage}: ${challenger.why}`,
        )
        .join("   ");
      terminal.err(`\r\u001b[K${ink.dim(text.slice(0, Math.max(0, terminal.columns - 1)))}`);
    },
  };
}

const say =
  (word: "halt" | "proceed") =>
  async (invocation: Invocation<LineOption & { readonly reason: string }>): Promise<undefined> => {
    const hub = invocation.hub();
    const { line } = await theLine(hub, invocation.options.line);
    await hub.json("POST", `/api/rollouts/${encodeURIComponent(line.line)}/${word}`, {
      reason: invocation.options.reason,
    });
    const after = await theLine(hub, line.line);
    invocation.printOne(
      after.line,
      lineFields(after.line, after.state.nowMs, await recentRows(hub, after.state)),
    );
  };
