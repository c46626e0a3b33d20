// One device with everything that the hub knows of it, and the commands that change something.
import type { DriftReport } from "@attune/protocol";
import type { JSX } from "preact";
import { reportLines, verdictWord } from "../../src/cli/driftWords.ts";
import type { DeviceSummary } from "../../src/state.ts";
import { routeHref } from "../live/route.ts";
import type { PageModel } from "../pageModel.ts";
import { CopyCommand } from "../parts/copyCommand.tsx";
import { useAsked } from "../parts/useAsked.ts";
import { countOf, fromNow } from "../parts/words.ts";
import { deviceMood, deviceSentence } from "./deviceMood.ts";

/** What `/api/devices/:device` adds to the summary, as far as it is shown. */
interface DeviceMore {
  readonly receipts?: readonly {
    readonly receipt?: { readonly outcome: string; readonly active: string; readonly code: string };
    readonly outcome?: string;
    readonly active?: string;
    readonly code?: string;
    readonly decisionSequence?: number;
    readonly atMs?: number;
  }[];
  readonly report?: { readonly report: { readonly drift?: DriftReport } } | null;
  readonly refusalCounts?: readonly {
    readonly code: string;
    readonly count: number;
    readonly lastMessage: string;
  }[];
}

interface DeviceDetailProps {
  readonly model: PageModel;
  readonly id: string;
}

/** The view behind `#device/...`. */
export function DeviceDetail({ model, id }: DeviceDetailProps): JSX.Element {
  const { answer: more, error } = useAsked(() => {
    // Asked again whenever its summary says something new.
    const known = model.hub.devices.value.find(({ device }) => device === id);
    void [known?.decisionSequence, known?.refusals];
    return model.hub.get<DeviceSummary & DeviceMore>(`/api/devices/${encodeURIComponent(id)}`);
  });
  const device = model.hub.devices.value.find((known) => known.device === id) ?? more.value;
  if (device === null) {
    return (
      <>
        <h2>{id}</h2>
        <p class="quiet">{error.value === "" ? "Asking the hub …" : error.value}</p>
      </>
    );
  }
  const mood = deviceMood(device, model.served.value);
  const { counts } = device;
  const drift = more.value?.report?.report.drift;
  const version = (digest: string | null): JSX.Element | string =>
    digest === null ? (
      "nothing yet"
    ) : (
      <a href={routeHref("version", digest)}>
        {model.versions.value.get(digest)?.short ?? digest.slice(0, 8)}
      </a>
    );
  return (
    <>
      <h2>{device.device}</h2>
      <p>{deviceSentence(device, mood, model.news.value.get(id)?.news ?? null)}</p>
      <dl class="facts">
        <dt>Serves</dt>
        <dd>{version(device.active)}</dd>
        {device.active !== device.target && (
          <>
            <dt>Should serve</dt>
            <dd>
              {version(device.target)}
              {device.isCanary && ", as a canary"}
            </dd>
          </>
        )}
        <dt>Cohort</dt>
        <dd>
          {device.cohort}, line {device.line}, decision {device.decisionSequence}
        </dd>
        <dt>Seen</dt>
        <dd>
          {device.lastSeenMs === null ? "never" : fromNow(device.lastSeenMs, model.now.value)}
        </dd>
        <dt>Users</dt>
        <dd>
          {device.users}, {device.personalUsers} with parameters of their own
        </dd>
        <dt>Deltas</dt>
        <dd>{device.contributions} committed</dd>
        {drift !== undefined && (
          <>
            <dt>Drift</dt>
            <dd>
              {verdictWord(drift.verdict)}
              {reportLines(drift).map(([label, text]) => (
                <div key={text}>
                  {label !== "drifted" && <span class="quiet">{label} </span>}
                  {text}
                </div>
              ))}
            </dd>
          </>
        )}
        {counts !== null && (
          <>
            <dt>Answers</dt>
            <dd>
              {counts.predictions.toLocaleString("en")}, {counts.feedback.toLocaleString("en")} with
              feedback
              {counts.feedback > 0 &&
                `, ${((100 * counts.correct) / counts.feedback).toFixed(1)} % of those right`}
            </dd>
            <dt>Unusual</dt>
            <dd>
              {countOf(counts.outliers, "window")} out of distribution,{" "}
              {countOf(counts.alarms, "alarm")}
            </dd>
            <dt>Training</dt>
            <dd>
              {countOf(counts.trainings, "time")} ({counts.trainingSteps.toLocaleString("en")}{" "}
              steps): {counts.adopted} adopted, {counts.dropped} dropped, {counts.reverted} given up
              again
            </dd>
          </>
        )}
      </dl>
      {(more.value?.refusalCounts ?? []).length > 0 && (
        <>
          <h3>Refused</h3>
          <ul class="faults">
            {more.value?.refusalCounts?.map(({ code, count, lastMessage }) => (
              <li key={code}>
                <code>{code}</code> {countOf(count, "time")}: {lastMessage}
              </li>
            ))}
          </ul>
        </>
      )}
      <h3>Commands</h3>
      <CopyCommand command={`npx attune device show ${device.device}`} />
      {device.status === "active" && (
        <CopyCommand command={`npx attune device quarantine ${device.device} --reason "..."`} />
      )}
      {device.status === "quarantined" && (
        <CopyCommand
          command={`npx attune device quarantine ${device.device} --lift --reason "..."`}
        />
      )}
    </>
  );
}
