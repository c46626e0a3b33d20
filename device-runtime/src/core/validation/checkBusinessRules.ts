// Whether business rules from outside can be kept: where a package is read, not where its rules are watched. It must not watch any answer.
import { accept, type Outcome, refuse } from "@attune/protocol";
import { type BusinessRule, businessRulesMax, rateWindowsMax } from "./businessRules.ts";

/** Characters of a rule's name. */
const businessRuleNameMax = 64;

/**
 * Checks rules from outside against the labels that they are about.
 *
 * @param rules whatever came: it is returned as rules only when it is some
 * @returns `input.shape_mismatch`
 */
export function checkBusinessRules(
  rules: readonly BusinessRule[],
  labels: readonly string[],
): Outcome<readonly BusinessRule[]> {
  if (!Array.isArray(rules) || rules.length > businessRulesMax) {
    return refuse(
      "input.shape_mismatch",
      `business rules are a list of ${businessRulesMax} at most; leave some out`,
    );
  }
  const names = new Set<string>();
  for (const [place, rule] of (rules as readonly BusinessRule[]).entries()) {
    // A name that is none cannot be said.
    if (!isNamed(rule)) {
      return refuse(
        "input.shape_mismatch",
        `business rule ${place} has no name; give it one of 1 to ${businessRuleNameMax} characters`,
      );
    }
    const wrong = problemOf(rule, labels, names);
    if (wrong !== null) {
      return refuse("input.shape_mismatch", `business rule "${rule.name}" ${wrong}`);
    }
    names.add(rule.name);
  }
  return accept(rules);
}

const kinds: readonly BusinessRule["kind"][] = ["duration", "rate", "transition"];

function isNamed(rule: BusinessRule | null | undefined): rule is BusinessRule {
  const name: unknown = rule?.name;
  return typeof name === "string" && name.length >= 1 && name.length <= businessRuleNameMax;
}

function problemOf(
  rule: BusinessRule,
  labels: readonly string[],
  names: ReadonlySet<string>,
): string | null {
  if (names.has(rule.name)) return "is there twice; give it another name";
  if (!kinds.includes(rule.kind)) return `is of none of the kinds ${kinds.join(", ")}`;
  const named = rule.kind === "transition" ? [rule.from, rule.to] : [rule.label];
  if (!named.every((label) => labels.includes(label))) {
    return `names a label that the model has not; it has ${labels.length}`;
  }
  switch (rule.kind) {
    case "duration":
      return Number.isInteger(rule.windowsMax) && rule.windowsMax >= 1
        ? null
        : `allows ${rule.windowsMax} windows; it must be 1 or more`;
    case "rate": {
      const { windows, shareMin, shareMax } = rule;
      const areNumbers = Number.isFinite(shareMin) && Number.isFinite(shareMax);
      const isWithin = areNumbers && shareMin >= 0 && shareMin <= shareMax && shareMax <= 1;
      return Number.isInteger(windows) && windows >= 1 && windows <= rateWindowsMax && isWithin
        ? null
        : `is over ${windows} windows from ${shareMin} to ${shareMax}; 1 to ${rateWindowsMax} windows, two shares that rise`;
    }
    case "transition":
      return rule.from === rule.to ? "goes from a label to itself; name two" : null;
  }
}
