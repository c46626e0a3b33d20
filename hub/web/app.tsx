// The page put together. It arranges; each part knows its own.
import type { JSX } from "preact";
import { DriftPanel } from "./drift/driftPanel.tsx";
import { DeviceDetail } from "./fleet/deviceDetail.tsx";
import { FleetPanel } from "./fleet/fleetPanel.tsx";
import type { PageModel } from "./pageModel.ts";
import { FirstSteps } from "./parts/firstSteps.tsx";
import { Overlay } from "./parts/overlay.tsx";
import { AwayBanner, TopBar } from "./parts/topBar.tsx";
import { UnlockForm } from "./parts/unlockForm.tsx";
import { ChampionPanel } from "./progress/championPanel.tsx";
import { ProgressPanel } from "./progress/progressPanel.tsx";
import { AuditDetail } from "./story/auditDetail.tsx";
import { StoryPanel } from "./story/storyPanel.tsx";
import { TrendPanel } from "./trend/trendChart.tsx";
import { VersionDetail } from "./versions/versionDetail.tsx";
import { VersionsPanel } from "./versions/versionsPanel.tsx";

/** The page. */
export function App({ model }: { readonly model: PageModel }): JSX.Element {
  const state = model.hub.state.value;
  const line = model.line.value;
  const isLocked = model.hub.link.value.kind === "locked";
  return (
    <>
      <TopBar model={model} />
      <AwayBanner model={model} />
      <p class="hidden" aria-live="polite">
        {model.announcement.value}
      </p>
      {isLocked ? (
        <UnlockForm hub={model.hub} />
      ) : state === null ? (
        <main id="main" class="waiting" aria-busy="true">
          <p class="quiet">Asking the hub …</p>
        </main>
      ) : (
        <main id="main">
          {state.faults.map(({ code, message, hint }) => (
            <div class="banner" role="alert" key={`${code} ${message}`}>
              <p>
                {message} <code>{code}</code>; {hint}
              </p>
            </div>
          ))}
          <div class="columns">
            <div class="wide">
              <FirstSteps state={state} />
              {line !== null && (
                <>
                  <ChampionPanel model={model} line={line} />
                  <ProgressPanel model={model} line={line} />
                </>
              )}
              {state.lines.length > 0 && <FleetPanel model={model} />}
              {line !== null && line.drift.counts.reporting > 0 && (
                <DriftPanel model={model} line={line} />
              )}
              {state.devices.total > 0 && <TrendPanel model={model} />}
              {line !== null && line.versions.length > 0 && (
                <VersionsPanel model={model} line={line} />
              )}
            </div>
            <StoryPanel model={model} />
          </div>
        </main>
      )}
      <RouteView model={model} />
    </>
  );
}

function RouteView({ model }: { readonly model: PageModel }): JSX.Element | null {
  const route = model.route.value;
  if (route.kind === "none") return null;
  return (
    <Overlay
      key={`${route.kind}/${route.id}`}
      label={`${route.kind} ${route.id.slice(0, 16)}`}
      onClose={() => model.leave()}
    >
      {route.kind === "device" && <DeviceDetail model={model} id={route.id} />}
      {route.kind === "version" && <VersionDetail model={model} id={route.id} />}
      {route.kind === "audit" && <AuditDetail model={model} id={route.id} />}
    </Overlay>
  );
}
