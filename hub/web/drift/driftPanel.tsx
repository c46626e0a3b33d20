// What drifts in the line that is looked at: together first, then alone. As large for ten thousand devices as for ten.
import type { JSX } from "preact";
import {
  aloneSentence,
  findingWords,
  groupPlace,
  performanceWords,
  sinceWords,
} from "../../src/cli/driftWords.ts";
import type { DriftAlone, DriftGroup, LineSummary } from "../../src/state.ts";
import { routeHref } from "../live/route.ts";
import type { PageModel } from "../pageModel.ts";
import { countOf } from "../parts/words.ts";
import { EvidenceBar } from "../progress/evidenceBar.tsx";

const verdicts = { pass: "Pass", fail: "Fail", learning: "Learning" } as const;

/** The panel. */
export function DriftPanel({
  model,
  line,
}: {
  readonly model: PageModel;
  readonly line: LineSummary;
}): JSX.Element {
  const { drift } = line;
  const { counts } = drift;
  const nowMs = model.now.value;
  return (
    <section class="panel drift" aria-labelledby="drift-title">
      <header>
        <h2 id="drift-title">Drift</h2>
        <p>
          <strong class={`verdict ${drift.verdict}`}>{verdicts[drift.verdict]}</strong>{" "}
          <span class="quiet">{drift.why}</span>
        </p>
      </header>
      {drift.together.length > 0 && (
        <>
          <h3>Together: one cause</h3>
          <ul class="drift-groups">
            {drift.together.map((group) => (
              <Group key={groupKey(group)} group={group} nowMs={nowMs} />
            ))}
          </ul>
          <More count={drift.unnamedGroups} what="group" />
        </>
      )}
      {drift.alone.length > 0 && (
        <>
          <h3>Alone: the person has changed, or how they wear it</h3>
          <ul class="drift-alone">
            {drift.alone.map((alone) => (
              <Alone key={alone.device} alone={alone} nowMs={nowMs} />
            ))}
          </ul>
          <More count={drift.unnamedAlone} what="device" />
        </>
      )}
      {counts.quarantining > 0 && (
        <p class="quiet">Unsound data was kept out on {countOf(counts.quarantining, "device")}.</p>
      )}
      {counts.breakingRules > 0 && (
        <p class="quiet">
          A business rule is broken now on {countOf(counts.breakingRules, "device")}.
        </p>
      )}
    </section>
  );
}

const groupKey = ({ cohort, findings: [first] }: DriftGroup): string =>
  `${cohort ?? ""}/${first?.kind}/${first?.direction}/${first?.name}`;

function Group({
  group,
  nowMs,
}: {
  readonly group: DriftGroup;
  readonly nowMs: number;
}): JSX.Element {
  const { deviceCount, watchedCount, findings, devices, onset, evidence, limit, worseCount } =
    group;
  return (
    <li>
      <p>
        <strong>
          {deviceCount} of {countOf(watchedCount, "device")}
        </strong>{" "}
        in {groupPlace(group)}, since {sinceWords(onset.fromMs, onset.fromMs, nowMs)}
        {worseCount > 0 && `; ${performanceWords("worse")} on ${worseCount}`}
      </p>
      <ul class="drift-findings">
        {findings.map((finding) => (
          <li key={`${finding.kind}/${finding.direction}/${finding.name}`}>
            {findingWords(finding, finding.severity)}
            {finding.devices < deviceCount && <span class="quiet"> on {finding.devices}</span>}
          </li>
        ))}
      </ul>
      <EvidenceBar label="evidence" value={evidence} limit={limit} meaning="bad" />
      <p class="drift-devices">
        {devices.map((device) => (
          <a key={device} href={routeHref("device", device)}>
            {device}
          </a>
        ))}
        {deviceCount > devices.length && (
          <span class="quiet">and {countOf(deviceCount - devices.length, "device")} more</span>
        )}
      </p>
    </li>
  );
}

function Alone({
  alone,
  nowMs,
}: {
  readonly alone: DriftAlone;
  readonly nowMs: number;
}): JSX.Element {
  return (
    <li class={alone.performance === "worse" ? "worse" : ""}>
      <a href={routeHref("device", alone.device)}>{alone.device}</a>{" "}
      <span class="quiet">{alone.cohort}</span> {aloneSentence(alone, nowMs)}
    </li>
  );
}

function More({
  count,
  what,
}: {
  readonly count: number;
  readonly what: string;
}): JSX.Element | null {
  return count === 0 ? null : (
    <p class="quiet">
      and {countOf(count, what)} more: <code>npx attune drift</code>
    </p>
  );
}
