// What a gate looked at, check by check, with the numbers behind each word.
import type { JSX } from "preact";
import type { GateCheck, GateReport } from "../../src/core/gate/gateCheck.ts";
import { OutcomeIcon } from "../parts/icons.tsx";
import { DifferencePlot } from "./differencePlot.tsx";
import { EvidenceBar } from "./evidenceBar.tsx";

const titles: Readonly<Record<GateCheck["name"], string>> = {
  sanity: "Is it a sane model?",
  validation: "Not worse on the operator's people?",
  slices: "Is no person and no class worse off?",
  shadow: "Better on the devices?",
  approval: "Does a person agree?",
};
const outcomeWords: Readonly<Record<GateCheck["outcome"], string>> = {
  pass: "passed",
  fail: "failed",
  wait: "waits",
  skipped: "skipped",
};

/** The checks as a list. */
export function GateChecks({ gate }: { readonly gate: GateReport }): JSX.Element {
  return (
    <ul class="checks">
      {gate.checks.map((check) => (
        <li key={check.name} class={`check ${check.outcome}`}>
          <OutcomeIcon outcome={check.outcome} />
          <div>
            <p class="check-title">
              {titles[check.name] ?? check.name}{" "}
              <span class="check-outcome">{outcomeWords[check.outcome]}</span>
            </p>
            <p class="quiet">{check.text}</p>
            <CheckEvidence check={check} />
          </div>
        </li>
      ))}
    </ul>
  );
}

const numberOf = (value: unknown): number | null =>
  typeof value === "number" && Number.isFinite(value) ? value : null;

const differencesOf = (value: unknown): readonly number[] =>
  Array.isArray(value)
    ? value.flatMap((item: unknown) => {
        const difference =
          typeof item === "object" && item !== null && "difference" in item
            ? numberOf(item.difference)
            : null;
        return difference ?? [];
      })
    : [];

/** The picture of a check, where its numbers make one. */
function CheckEvidence({ check }: { readonly check: GateCheck }): JSX.Element | null {
  const { evidence } = check;
  if (check.name === "validation") {
    const margin = numberOf(evidence["margin"]);
    if (margin === null) return null;
    return (
      <DifferencePlot
        title="Mean over persons"
        low={numberOf(evidence["lowerBound"])}
        high={null}
        estimate={numberOf(evidence["difference"])}
        margin={margin}
        units={differencesOf(evidence["persons"])}
        unitName="person"
      />
    );
  }
  if (check.name === "shadow") {
    const better = numberOf(evidence["betterEvidence"]);
    const betterLimit = numberOf(evidence["betterLimit"]);
    const harm = numberOf(evidence["harmEvidence"]);
    const harmLimit = numberOf(evidence["harmLimit"]);
    return (
      <div class="bars">
        {better !== null && betterLimit !== null && (
          <EvidenceBar label="better" value={better} limit={betterLimit} meaning="good" />
        )}
        {harm !== null && harmLimit !== null && (
          <EvidenceBar label="worse" value={harm} limit={harmLimit} meaning="bad" />
        )}
      </div>
    );
  }
  return null;
}
