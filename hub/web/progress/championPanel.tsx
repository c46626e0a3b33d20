// What the fleet serves now, and where a cohort does not follow.
import type { JSX } from "preact";
import type { LineSummary } from "../../src/state.ts";
import { routeHref } from "../live/route.ts";
import type { PageModel } from "../pageModel.ts";
import { countOf } from "../parts/words.ts";
import { origin } from "../versions/versionsPanel.tsx";

/** The panel. */
export function ChampionPanel({
  model,
  line,
}: {
  readonly model: PageModel;
  readonly line: LineSummary;
}): JSX.Element {
  const { champion, cohorts } = line;
  const pinned = cohorts.filter(({ pin }) => pin !== null);
  const devices = model.devices.value.filter(({ status }) => status !== "retired");
  const serving = devices.filter(({ active }) => active !== null && active === champion?.version);
  return (
    <section class="panel champion" aria-labelledby="champion-title">
      {champion === null ? (
        <>
          <h2 id="champion-title">Serving {line.line}</h2>
          <p class="because">
            Nothing is released yet. The first model becomes the champion when it is signed.
          </p>
        </>
      ) : (
        <div class="champion-row">
          <span class="generation" title="generation">
            {champion.generation}
          </span>
          <div>
            <h2 id="champion-title">
              Champion <a href={routeHref("version", champion.version)}>{champion.short}</a>
            </h2>
            <p class="quiet">
              generation {champion.generation}, {origin(champion)}
              {champion.note !== "" && `, ${champion.note}`}
            </p>
          </div>
          <div class="reach">
            <progress
              max={Math.max(1, devices.length)}
              value={serving.length}
              aria-label={`${serving.length} of ${countOf(devices.length, "device")} serve the champion`}
            />
            <p class="quiet">
              on {serving.length} of {countOf(devices.length, "device")}
            </p>
          </div>
        </div>
      )}
      {pinned.map(({ cohort, pin }) => (
        <p class="pin" key={cohort}>
          Cohort {cohort} is pinned to{" "}
          <a href={routeHref("version", pin?.version ?? "")}>{pin?.version.slice(0, 8)}</a>:{" "}
          {pin?.reason}
        </p>
      ))}
    </section>
  );
}
