// All versions of a line: the picture, and under it the list with the words.
import type { JSX } from "preact";
import type { LineSummary, VersionSummary } from "../../src/state.ts";
import { routeHref } from "../live/route.ts";
import type { PageModel } from "../pageModel.ts";
import { countOf, fromNow } from "../parts/words.ts";
import { LineageChart } from "./lineageChart.tsx";

/** The panel. */
export function VersionsPanel({
  model,
  line,
}: {
  readonly model: PageModel;
  readonly line: LineSummary;
}): JSX.Element {
  return (
    <section class="panel versions" aria-labelledby="versions-title">
      <header>
        <h2 id="versions-title">Versions</h2>
        <p class="quiet">what was made of what, and what became of it</p>
      </header>
      <LineageChart versions={line.versions} />
      <ul class="version-list">
        {line.versions.map((version) => (
          <li key={version.version}>
            <a href={routeHref("version", version.version)}>
              <span class={`status ${version.status}`}>{statusWords[version.status]}</span>
              <span class="version-name">{version.short}</span>
              <span class="quiet">
                g{version.generation}, {origin(version)},{" "}
                {fromNow(version.createdAtMs, model.now.value)}
              </span>
              <span class="number">
                {version.servingDevices === 0 ? "" : countOf(version.servingDevices, "device")}
              </span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** What a status means to a person. */
export const statusWords: Readonly<Record<VersionSummary["status"], string>> = {
  candidate: "candidate",
  rejected: "rejected",
  released: "released",
  champion: "champion",
  retired: "retired",
  "rolled-back": "rolled back",
};

/** Where a version comes from. */
export const origin = ({ source, contributionCount }: VersionSummary): string =>
  source === "imported" ? "imported" : `made of ${countOf(contributionCount, "delta")}`;
