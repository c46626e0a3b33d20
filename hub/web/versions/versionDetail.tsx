// One version with everything that is known of it, and what a rollback to it would touch. The page does not do it: it says how.
import { useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { VersionDetail as Detail, RollbackPreview } from "../../src/state.ts";
import { routeHref } from "../live/route.ts";
import type { PageModel } from "../pageModel.ts";
import { CopyCommand } from "../parts/copyCommand.tsx";
import { useAsked } from "../parts/useAsked.ts";
import { countOf, fromNow } from "../parts/words.ts";
import { GateChecks } from "../progress/gateChecks.tsx";
import { origin, statusWords } from "./versionsPanel.tsx";

interface VersionDetailProps {
  readonly model: PageModel;
  readonly id: string;
}

/** The view behind `#version/...`. */
export function VersionDetail({ model, id }: VersionDetailProps): JSX.Element {
  const status = model.versions.value.get(id)?.status;
  const { answer: detail, error } = useAsked(() => {
    // Asked again when its status changes: a gate has spoken, or a rollout has ended.
    void model.versions.value.get(id)?.status;
    return model.hub.get<Detail>(`/api/versions/${encodeURIComponent(id)}`);
  });
  const version = detail.value ?? model.versions.value.get(id) ?? null;
  if (version === null) {
    return (
      <>
        <h2>Version {id.slice(0, 8)}</h2>
        <p class="quiet">{error.value === "" ? "Asking the hub …" : error.value}</p>
      </>
    );
  }
  const gate = detail.value?.gate ?? null;
  return (
    <>
      <h2>
        {version.short}{" "}
        <span class={`status ${status ?? version.status}`}>
          {statusWords[status ?? version.status]}
        </span>
      </h2>
      <dl class="facts">
        <dt>Generation</dt>
        <dd>
          {version.generation}, security epoch {version.securityEpoch}
        </dd>
        <dt>From</dt>
        <dd>
          {origin(version)}
          {version.base !== null && (
            <>
              {" "}
              on <a href={routeHref("version", version.base)}>{version.base.slice(0, 8)}</a>
            </>
          )}
        </dd>
        <dt>Made</dt>
        <dd>{fromNow(version.createdAtMs, model.now.value)}</dd>
        <dt>Serves on</dt>
        <dd>{countOf(version.servingDevices, "device")}</dd>
        <dt>Proven</dt>
        <dd>
          {version.isBaked
            ? "yes: some device has served it for its whole bake, a rollback may name it"
            : "not yet: no rollback may name it before a device has served it for its whole bake"}
        </dd>
        <dt>Signed</dt>
        <dd>
          {detail.value === null
            ? "…"
            : detail.value.record === null
              ? "no: no device would take it"
              : "yes, by the release keys"}
        </dd>
        {version.note !== "" && (
          <>
            <dt>Note</dt>
            <dd>{version.note}</dd>
          </>
        )}
        <dt>Digest</dt>
        <dd class="digest">{version.version}</dd>
      </dl>
      {gate !== null && (
        <>
          <h3>Gate: {gate.verdict ?? "still looking"}</h3>
          {gate.because !== "" && <p class="quiet">{gate.because}</p>}
          <GateChecks gate={gate} />
        </>
      )}
      {version.isBaked && (
        <RollbackHelp model={model} version={version.version} short={version.short} />
      )}
    </>
  );
}

/** What a rollback would do, in the hub's own words, and the command that does it. */
function RollbackHelp({
  model,
  version,
  short,
}: {
  readonly model: PageModel;
  readonly version: string;
  readonly short: string;
}): JSX.Element | null {
  const chosen = useSignal<string | null>(null);
  const cohorts = useComputed(() =>
    (model.line.value?.cohorts ?? []).filter(({ serves }) => serves !== version),
  );
  // A text, so that a state in which none of it has changed asks nothing.
  const question = useComputed(() => {
    const cohort =
      cohorts.value.find(({ cohort: name }) => name === chosen.value) ?? cohorts.value[0];
    if (cohort === undefined) return null;
    const query = new URLSearchParams({ cohort: cohort.cohort, to: version });
    const serving = model.devices.value.map(({ device, active }) => `${device} ${active}`).join();
    return JSON.stringify([`/api/rollbacks/preview?${query}`, cohort.decisionSequence, serving]);
  });
  const { answer: preview, error } = useAsked(() => {
    if (question.value === null) return null;
    const [path] = JSON.parse(question.value) as [string];
    return model.hub.get<Pick<RollbackPreview, "cohort" | "effects">>(path);
  });
  const cohort =
    cohorts.value.find(({ cohort: name }) => name === chosen.value) ?? cohorts.value[0];
  if (cohort === undefined) return null;
  return (
    <>
      <h3>Roll back to it</h3>
      {cohorts.value.length > 1 && (
        <label class="choice">
          Cohort{" "}
          <select
            value={cohort.cohort}
            onChange={({ currentTarget }) => {
              chosen.value = currentTarget.value;
            }}
          >
            {cohorts.value.map(({ cohort: name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
      {error.value !== "" ? (
        <p>{error.value}</p>
      ) : preview.value === null || preview.value.cohort !== cohort.cohort ? (
        <p class="quiet">Asking the hub …</p>
      ) : (
        <ol class="effects">
          {preview.value.effects.map((effect) => (
            <li key={effect}>{effect}</li>
          ))}
        </ol>
      )}
      <CopyCommand
        command={`npx attune rollback --cohort ${cohort.cohort} --to ${short} --reason "..."`}
      />
      <p class="quiet">
        This is the hub's dry run. The page only reads; the command asks, then does it.
      </p>
    </>
  );
}
