// What a gate's check says, and the verdict over several. It must not know how a check is made.

/** Names of the checks, in the order in which they are made. */
export type GateCheckName = "sanity" | "validation" | "slices" | "shadow" | "approval";

/** One named check with what it rests on. */
export interface GateCheck {
  readonly name: GateCheckName;
  /** `skipped`: does not apply, and the text says why. */
  readonly outcome: "pass" | "fail" | "wait" | "skipped";
  /** For a person: the figure, the limit. */
  readonly text: string;
  /** JSON-safe; everything that the outcome was worked out from. */
  readonly evidence: Readonly<Record<string, unknown>>;
}

/** `promote`, `hold` or `reject`; null while checks are still made. */
export type GateVerdict = "promote" | "hold" | "reject" | null;

/** All checks of a challenger, and what follows. */
export interface GateReport {
  readonly verdict: GateVerdict;
  readonly because: string;
  readonly checks: readonly GateCheck[];
}

/** A report that has begun. */
export const emptyGateReport: GateReport = { verdict: null, because: "", checks: [] };

/** The report with a check added, or put in the place of the one of the same name. */
export function withCheck(report: GateReport, check: GateCheck): GateReport {
  const isKnown = report.checks.some(({ name }) => name === check.name);
  return {
    ...report,
    checks: isKnown
      ? report.checks.map((known) => (known.name === check.name ? check : known))
      : [...report.checks, check],
  };
}

/** The first check that failed. */
export function failedCheck(report: GateReport): GateCheck | undefined {
  return report.checks.find(({ outcome }) => outcome === "fail");
}
