// `attune version`: what exists, where it comes from, and a person's word on it.
import type { Command } from "commander";
import type { GateReport } from "../../core/gate/gateCheck.ts";
import type { VersionDetail, VersionSummary } from "../../state.ts";
import type { Invocation } from "../invocation.ts";
import type { Field } from "../output.ts";
import type { Attach } from "../program.ts";

const VERSIONS_MAX = 10_000;

export function addVersionCommands(program: Command, attach: Attach): void {
  const version = program.command("version").description("what exists, and where it comes from");
  attach<{ readonly line?: string }>(
    version
      .command("list")
      .description("all versions, newest first")
      .option("--line <name>", "only those of a model line"),
    listVersions,
  );
  attach(
    version
      .command("show <version>")
      .description("one version; the first four digits of its digest are enough"),
    showVersion,
  );
  for (const verdict of ["promote", "reject"] as const) {
    attach<{ readonly reason: string }>(
      version
        .command(`${verdict === "promote" ? "approve" : "reject"} <version>`)
        .description(
          verdict === "promote"
            ? "let a candidate go on that waits for a person"
            : "end a candidate that waits for a person",
        )
        .requiredOption("--reason <text>", "why; it is kept in the audit"),
      decide(verdict),
    );
  }
}

/** `activity@7c1f09aa` as people read it, or the bare digits: both name a version. */
const digits = (text: string): string => text.slice(text.lastIndexOf("@") + 1);

const path = (version: string): string => `/api/versions/${encodeURIComponent(digits(version))}`;

async function listVersions({
  hub,
  options,
  printRows,
}: Invocation<{ readonly line?: string }>): Promise<undefined> {
  const query = options.line === undefined ? "" : `?line=${encodeURIComponent(options.line)}`;
  const versions = await hub().list<VersionSummary>(`/api/versions${query}`, VERSIONS_MAX);
  printRows(
    versions,
    [
      { header: "VERSION", value: ({ short }) => short },
      { header: "GENERATION", align: "right", value: ({ generation }) => `${generation}` },
      { header: "STATUS", value: ({ status }) => status },
      { header: "BAKED", value: ({ isBaked }) => (isBaked ? "yes" : "no") },
      { header: "DEVICES", align: "right", value: ({ servingDevices }) => `${servingDevices}` },
      {
        header: "FROM",
        value: ({ source, base, contributionCount }) =>
          source === "imported"
            ? "imported"
            : `${contributionCount} deltas on ${base?.slice(0, 8) ?? "-"}`,
      },
      { header: "CREATED", value: ({ createdAtMs }) => new Date(createdAtMs).toISOString() },
      { header: "NOTE", value: ({ note }) => note },
    ],
    "no versions yet: bring the first with: attune model add PACKAGE --line NAME",
  );
}

const versionFields = (version: VersionDetail): readonly Field[] => [
  ["version", version.short],
  ["digest", version.version],
  ["generation", `${version.generation}, security epoch ${version.securityEpoch}`],
  [
    "status",
    `${version.status}, ${version.isBaked ? "baked: a rollback may name it" : "not baked yet: no rollback may name it"}`,
  ],
  ["serves on", `${version.servingDevices} device${version.servingDevices === 1 ? "" : "s"}`],
  [
    "from",
    version.source === "imported"
      ? "imported by an operator"
      : `${version.contributionCount} deltas on ${version.base?.slice(0, 8) ?? "-"}`,
  ],
  ["created", new Date(version.createdAtMs).toISOString()],
  ...(version.note === "" ? [] : [["note", version.note] as const]),
  ...(version.gate === null ? [] : gateFields(version.gate)),
];

/** A gate as lines: the verdict, then each check with its numbers. */
export const gateFields = (gate: GateReport): readonly Field[] => [
  ["gate", `${gate.verdict ?? "still looking"}: ${gate.because}`],
  ...gate.checks.map(({ name, outcome, text }): Field => [`  ${name}`, `${outcome}: ${text}`]),
];

async function showVersion({
  hub,
  printOne,
  arguments: [version = ""],
}: Invocation): Promise<undefined> {
  const found = await hub().json<VersionDetail>("GET", path(version));
  printOne(found, versionFields(found));
}

const decide =
  (verdict: "promote" | "reject") =>
  async ({
    hub,
    options,
    printOne,
    arguments: [version = ""],
  }: Invocation<{ readonly reason: string }>): Promise<undefined> => {
    const client = hub();
    await client.json("POST", `${path(version)}/approval`, { verdict, reason: options.reason });
    const found = await client.json<VersionDetail>("GET", path(version));
    printOne(found, versionFields(found));
  };
