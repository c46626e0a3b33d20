// How the challenger fares on the devices that serve it, champion in shadow on the same windows.
import type { JSX } from "preact";
import type { RolloutState } from "../../src/state.ts";
import { routeHref } from "../live/route.ts";
import { countOf, evidenceText } from "../parts/words.ts";
import { DifferencePlot } from "./differencePlot.tsx";
import { EvidenceBar } from "./evidenceBar.tsx";

/** Devices in the table; the others are in the sums. */
const ROWS_MAX = 12;

/** Difference, interval, limit, exposure, and each device's share in it. */
export function RolloutEvidence({ rollout }: { readonly rollout: RolloutState }): JSX.Element {
  const { health, faults } = rollout;
  const compared = health.devices.filter(({ n }) => n > 0);
  const windows = compared.reduce((sum, { n }) => sum + n, 0);
  const wins = compared.reduce((sum, device) => sum + device.wins, 0);
  const losses = compared.reduce((sum, device) => sum + device.losses, 0);
  const worstFirst = [...compared].sort((a, b) => b.harmEvidence - a.harmEvidence);
  return (
    <div class="rollout-evidence">
      <DifferencePlot
        title="On these devices"
        low={health.interval?.low ?? null}
        high={health.interval?.high ?? null}
        estimate={windows === 0 ? null : (wins - losses) / windows}
        margin={health.margin}
        units={compared.map(({ n, wins: won, losses: lost }) => (won - lost) / n)}
        unitName="device"
      />
      <div>
        <div class="bars">
          <EvidenceBar
            label="harm"
            value={health.harmEvidence}
            limit={health.harmLimit}
            meaning="bad"
          />
        </div>
        <p class="quiet">
          Exposure: {countOf(windows, "labelled window")} on {countOf(compared.length, "device")};
          challenger right and champion wrong on {wins.toLocaleString("en")}, the other way round on{" "}
          {losses.toLocaleString("en")}.
        </p>
      </div>
      {worstFirst.length > 0 && (
        <details>
          <summary>Device by device</summary>
          <div class="scroller">
            <table>
              <thead>
                <tr>
                  <th scope="col">Device</th>
                  <th scope="col" class="number">
                    Windows
                  </th>
                  <th scope="col" class="number">
                    Won
                  </th>
                  <th scope="col" class="number">
                    Lost
                  </th>
                  <th scope="col" class="number">
                    Evidence of harm
                  </th>
                </tr>
              </thead>
              <tbody>
                {worstFirst.slice(0, ROWS_MAX).map((device) => (
                  <tr key={device.device}>
                    <th scope="row">
                      <a href={routeHref("device", device.device)}>{device.device}</a>
                    </th>
                    <td class="number">{device.n}</td>
                    <td class="number">{device.wins}</td>
                    <td class="number">{device.losses}</td>
                    <td class="number">{evidenceText(device.harmEvidence)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {worstFirst.length > ROWS_MAX && (
            <p class="quiet">
              and {countOf(worstFirst.length - ROWS_MAX, "device")} more, all with less
            </p>
          )}
        </details>
      )}
      {faults.length > 0 && (
        <ul class="faults">
          {faults.slice(0, ROWS_MAX).map(({ device, outcome, code, message }) => (
            <li key={device}>
              <a href={routeHref("device", device)}>{device}</a> {outcome}: {code} {message}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
