// One version with everything that is known of it, and what a rollback to it would touch. The page does not do it: it says how.
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { VersionDetail as Detail } from "../../src/state.ts";
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

/** Who would be touched by a rollback, and the command that shows the hub's own dry run before it does anything. */
function RollbackHelp({
  model,
  version,
  short,
}: {
  readonly model: PageModel;
  readonly version: string;
  readonly short: string;
}): JSX.Element | null {
  const line = model.line.value;
  const cohorts = (line?.cohorts ?? []).filter(({ serves }) => serves !== version);
  const chosen = useSignal<string | null>(null);
  const cohort = cohorts.find(({ cohort: name }) => name === chosen.value) ?? cohorts[0];
  if (cohort === undefined) return null;
  const devices = model.devices.value.filter(
    (device) => device.cohort === cohort.cohort && device.status !== "retired",
  );
  const changing = devices.filter(({ active }) => active !== version);
  const personal = changing.reduce((sum, { personalUsers }) => sum + personalUsers, 0);
  const away = changing.filter(({ isConnected }) => isConnected === false).length;
  return (
    <>
      <h3>Roll back to it</h3>
      {cohorts.length > 1 && (
        <label class="choice">
          Cohort{" "}
          <select
            value={cohort.cohort}
            onChange={({ currentTarget }) => {
              chosen.value = currentTarget.value;
            }}
          >
            {cohorts.map(({ cohort: name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
      <p>
        {countOf(changing.length, "device")} of cohort {cohort.cohort} would change
        {away > 0 && `, ${away} of them when they are back`}; {countOf(personal, "user")} there{" "}
        {personal === 1 ? "has" : "have"} parameters of their own.
      </p>
      <CopyCommand
        command={`npx attune rollback --cohort ${cohort.cohort} --to ${short} --reason "..."`}
      />
      <p class="quiet">
        This page only reads. The command shows the hub's exact dry run, then asks; with --dry-run
        it stops there.
      </p>
    </>
  );
}
