// What is on its way to the fleet: the step it is at, why it waits, and everything that the next verdict rests on.
import type { JSX } from "preact";
import { auditSentence } from "../../src/cli/auditSentence.ts";
import { lastEnding } from "../../src/cli/lastEnding.ts";
import type { ChallengerState, LineSummary } from "../../src/state.ts";
import { routeHref } from "../live/route.ts";
import type { PageModel } from "../pageModel.ts";
import { countOf, fromNow } from "../parts/words.ts";
import { GateChecks } from "./gateChecks.tsx";
import { isPersonAsked, PersonCommands } from "./personCommands.tsx";
import { RolloutEvidence } from "./rolloutEvidence.tsx";
import { stageSteps } from "./stageSteps.ts";

interface ProgressProps {
  readonly model: PageModel;
  readonly line: LineSummary;
}

/** The panel. */
export function ProgressPanel({ model, line }: ProgressProps): JSX.Element {
  const { challenger } = line;
  const version = challenger?.version ?? null;
  return (
    <section class="panel progress" aria-labelledby="progress-title">
      <header>
        <h2 id="progress-title">
          {challenger === null
            ? "Collecting for the next version"
            : version === null
              ? "A new version is being made"
              : "On its way"}
        </h2>
        {version !== null && (
          <a class="chip challenger" href={routeHref("version", version.version)}>
            {version.short} · generation {version.generation}
          </a>
        )}
      </header>
      <ol class="steps">
        {stageSteps(line).map(({ name, state, note }) => (
          <li
            key={name}
            class={`step ${state}`}
            aria-current={state === "now" ? "step" : undefined}
          >
            <span class="step-name">{name}</span>
            <span class="step-note">{note}</span>
          </li>
        ))}
      </ol>
      {challenger === null ? (
        <WindowDetail model={model} line={line} />
      ) : (
        <ChallengerDetail model={model} challenger={challenger} />
      )}
      {challenger !== null && (
        <p class="quiet meanwhile">
          Meanwhile window {line.window.number}: {line.window.why}.
        </p>
      )}
      {line.queue.length > 0 && (
        <p class="quiet">
          Next in turn:{" "}
          {line.queue.map((queued) => (
            <a key={queued.version} href={routeHref("version", queued.version)}>
              {queued.short}
            </a>
          ))}
        </p>
      )}
    </section>
  );
}

function WindowDetail({ model, line }: ProgressProps): JSX.Element {
  const { window } = line;
  const ending = lastEnding(model.hub.audit.value, line.line);
  return (
    <div class="why">
      <progress
        max={window.quorum}
        value={Math.min(window.quorum, window.contributionCount)}
        aria-label={`Window ${window.number}: ${window.contributionCount} of ${window.quorum} contributions`}
      />
      <p class="because">
        Window {window.number}, {window.why}
      </p>
      {ending !== null && (
        <p class="quiet">
          Last: <a href={routeHref("audit", String(ending.sequence))}>{auditSentence(ending)}</a>,{" "}
          {fromNow(ending.atMs, model.now.value)}
        </p>
      )}
    </div>
  );
}

function ChallengerDetail({
  model,
  challenger,
}: {
  readonly model: PageModel;
  readonly challenger: ChallengerState;
}): JSX.Element {
  const { gate, rollout, stage } = challenger;
  const isRolling = rollout !== null;
  const isAsked = isPersonAsked(challenger);
  return (
    <>
      <p class={`because ${stage}`}>{challenger.why}</p>
      <p class="quiet">
        Since {fromNow(challenger.sinceMs, model.now.value)}; decided by itself{" "}
        {fromNow(challenger.deadlineAtMs, model.now.value)} at the latest.
        {rollout !== null &&
          rollout.selectedDevices.length > 0 &&
          stage === "canary" &&
          ` ${countOf(rollout.selectedDevices.length, "canary", "canaries")}: ${rollout.selectedDevices.slice(0, 6).join(", ")}${rollout.selectedDevices.length > 6 ? " …" : ""}.`}
      </p>
      {isAsked && <PersonCommands challenger={challenger} />}
      {rollout !== null && <RolloutEvidence rollout={rollout} />}
      {gate.checks.length > 0 && (
        // The gate is the story until it is passed; then it is history, one click away.
        <details open={!isRolling} key={isRolling ? "rolling" : "gate"}>
          <summary>
            Gate: {gate.verdict ?? "still looking"}
            {gate.because !== "" && <span class="quiet"> {gate.because}</span>}
          </summary>
          <GateChecks gate={gate} />
        </details>
      )}
      {!isAsked && <PersonCommands challenger={challenger} />}
    </>
  );
}
