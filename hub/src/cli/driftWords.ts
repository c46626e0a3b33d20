// What drifts, in words for people: on the command line and on the page. Pure; it must not fetch or decide anything.
import type { DriftFinding, DriftReport } from "@attune/protocol";
import type {
  DriftAlone,
  DriftGroup,
  FleetDrift,
  SharedFinding,
} from "../core/drift/fleetDrift.ts";
import { formatDuration } from "./duration.ts";

const verdicts: Readonly<Record<FleetDrift["verdict"], string>> = {
  pass: "PASS",
  fail: "FAIL",
  learning: "LEARNING",
};

/** The verdict, to be seen without colour. */
export function verdictWord(verdict: FleetDrift["verdict"]): string {
  return verdicts[verdict];
}

const rateNames: Readonly<Record<Exclude<DriftFinding["kind"], "feature">, string>> = {
  errorRate: "errors",
  outlierShare: "outliers",
  uncertainty: "doubt",
};

/**
 * What has drifted which way, and how far.
 *
 * @param severity in the finding's own unit: deviations, or a difference of rates
 * @example
 * findingWords({ kind: "feature", name: "acc-x", direction: "up" }, 4.21); // => "acc-x up by 4.2 deviations"
 * @example
 * findingWords({ kind: "errorRate", name: "", direction: "up" }, 0.18); // => "errors up by 18 points"
 */
export function findingWords(
  { kind, name, direction }: Pick<SharedFinding, "kind" | "name" | "direction">,
  severity: number,
): string {
  const way = direction === "mixed" ? "moved" : direction;
  return kind === "feature"
    ? `${name === "joint" ? "all features jointly" : name} ${way} by ${severity.toFixed(1)} deviations`
    : `${rateNames[kind]} ${way} by ${Math.round(100 * severity)} points`;
}

/** Whom a group is in. */
export function groupPlace({ cohort }: Pick<DriftGroup, "cohort">): string {
  return cohort === null ? "the whole line" : `cohort ${cohort}`;
}

/** A group in one sentence. */
export function groupSentence(group: DriftGroup, nowMs: number): string {
  const { deviceCount, watchedCount, findings, onset, evidence, limit, worseCount } = group;
  const found = findings.map((finding) => findingWords(finding, finding.severity)).join(", ");
  const worse = worseCount === 0 ? "" : `; answers look worse on ${worseCount}`;
  return `${deviceCount} of ${watchedCount} in ${groupPlace(group)}: ${found}; since ${sinceWords(onset.fromMs, onset.toMs, nowMs)}; evidence ${bigNumber(evidence)} of ${bigNumber(limit)}${worse}`;
}

const hourMs = 3_600_000;

/** A span since an onset, which devices tell by the hour. */
function hoursWords(spanMs: number): string {
  return formatDuration(Math.max(1, Math.round(spanMs / hourMs)) * hourMs);
}

/** When devices began to drift. */
export function sinceWords(fromMs: number, toMs: number, nowMs: number): string {
  const from = hoursWords(nowMs - fromMs);
  const to = hoursWords(nowMs - toMs);
  return from === to ? `about ${from} ago` : `about ${from} to ${to} ago`;
}

/** A device that drifts by itself, in one sentence. */
export function aloneSentence(alone: DriftAlone, nowMs: number): string {
  const { users, driftedUsers, findings, unnamedFindings, performance, alikeCount } = alone;
  const found = findings.slice(0, 3).map((finding) => findingWords(finding, finding.severity.mean));
  const more = findings.length - found.length + unnamedFindings;
  return [
    `${found.join(", ")}${more === 0 ? "" : ` and ${more} more`}`,
    `since ${sinceWords(alone.onsetMs, alone.onsetMs, nowMs)}`,
    ...(users > 1 ? [`${driftedUsers} of ${users} users`] : []),
    performanceWords(performance),
    ...(alikeCount === 0 ? [] : [`${alikeCount} alike, too few to say together`]),
  ].join("; ");
}

/** Whether drift matters, as far as can be guessed without truth. */
export function performanceWords(performance: DriftAlone["performance"]): string {
  switch (performance) {
    case "worse":
      return "answers look worse";
    case "fine":
      return "answers look as good as before";
    case "unclear":
    case null:
      return "whether answers suffer is not clear";
  }
}

/** Numbers that multiply: large ones in powers of ten. */
function bigNumber(value: number): string {
  if (value >= 1e6) return `10^${Math.floor(Math.log10(value))}`;
  return value >= 10 ? Math.round(value).toLocaleString("en") : value.toFixed(1);
}

/** What a device says of drift, one line each. */
export function reportLines({
  findings,
  unnamedFindings,
  outliers,
  quarantined,
  rules,
  performance,
}: DriftReport): readonly (readonly [label: string, text: string])[] {
  const problems = Object.entries(quarantined.problems).filter(([, count]) => count > 0);
  return [
    ...findings.map(
      (finding) =>
        [
          "drifted",
          `${findingWords(finding, finding.severity.mean)} (${finding.severity.low.toFixed(2)} to ${finding.severity.high.toFixed(2)}), ${finding.users} ${finding.users === 1 ? "user" : "users"}, evidence ${bigNumber(finding.evidence)} of ${bigNumber(finding.limit)}`,
        ] as const,
    ),
    ...(unnamedFindings === 0 ? [] : [["", `and ${unnamedFindings} more`] as const]),
    [
      "outliers",
      `${outliers.windows} windows, ${Math.round(100 * outliers.recentShare)} % lately where ${Math.round(100 * outliers.referenceShare)} % are normal`,
    ],
    [
      "quarantined",
      `${quarantined.windows} windows${problems.length === 0 ? "" : `: ${problems.map(([name, count]) => `${name} ${count}`).join(", ")}`}`,
    ],
    ["rules", `broken ${rules.violations} times, ${rules.broken} now`],
    ...(performance === undefined
      ? []
      : [
          [
            "errors guessed",
            `${Math.round(100 * performance.errorRate)} % (${Math.round(100 * performance.low)} to ${Math.round(100 * performance.high)}) where ${Math.round(100 * performance.referenceErrorRate)} % are normal: ${performanceWords(performance.verdict)}`,
          ] as const,
        ]),
  ];
}
