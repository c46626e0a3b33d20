// A difference in accuracy with what is known of it: an interval or a bound, the margin that would be borne, and the people
// or devices behind it.
import type { JSX } from "preact";
import { points } from "../parts/words.ts";

interface DifferencePlotProps {
  readonly title: string;
  /** Shares; .01 is one point. `high` is open where only a lower bound is known. */
  readonly low: number | null;
  readonly high: number | null;
  readonly estimate: number | null;
  /** Loss that would be borne, `>= 0`. */
  readonly margin: number;
  /** One for each person or device. */
  readonly units: readonly number[];
  readonly unitName: string;
}

const WIDTH = 600;
const HEIGHT = 92;
const BASE = 44;
/** Room for half a label at either end. */
const EDGE = 36;

/** The plot; everything in it is also in its label and in the line under it. */
export function DifferencePlot(props: DifferencePlotProps): JSX.Element {
  const { title, low, high, estimate, margin, units, unitName } = props;
  const reach = niceReach(
    Math.max(
      margin * 1.5,
      0.02,
      Math.abs(low ?? 0),
      Math.abs(high ?? 0),
      Math.abs(estimate ?? 0),
      ...units.map(Math.abs),
    ),
  );
  const x = (share: number): number =>
    WIDTH / 2 + (Math.max(-reach, Math.min(reach, share)) / reach) * (WIDTH / 2 - EDGE);
  const tone =
    low === null
      ? "unknown"
      : low >= -margin
        ? "good"
        : high !== null && high < 0
          ? "bad"
          : "unsure";
  const text =
    low === null
      ? "not enough data yet"
      : high === null
        ? `at least ${points(low)} points, margin ${points(-margin)}`
        : `${points(low)} to ${points(high)} points, margin ${points(-margin)}`;
  const ticks = [-reach, -reach / 2, 0, reach / 2, reach];
  return (
    <figure class={`difference ${tone}`}>
      <figcaption>
        {title}: <strong>{text}</strong>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${title}: ${text}`}>
        <rect class="borne" x={x(-margin)} y="14" width={WIDTH - EDGE - x(-margin)} height="50" />
        {ticks.map((tick) => (
          <g key={tick}>
            <line class={tick === 0 ? "zero" : "tick"} x1={x(tick)} x2={x(tick)} y1="14" y2="64" />
            <text x={x(tick)} y="80" text-anchor="middle">
              {tick === 0 ? "same" : points(tick)}
            </text>
          </g>
        ))}
        <line class="margin" x1={x(-margin)} x2={x(-margin)} y1="8" y2="64" />
        {units.map((share, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: dots have no identity
          <circle key={index} class="unit" cx={x(share)} cy={58 - (index % 3) * 4} r="3.5" />
        ))}
        {low !== null && (
          <line
            class="interval"
            x1={x(low)}
            x2={high === null ? WIDTH - EDGE : x(high)}
            y1={BASE - 12}
            y2={BASE - 12}
          />
        )}
        {low !== null && <line class="end" x1={x(low)} x2={x(low)} y1={BASE - 19} y2={BASE - 5} />}
        {high !== null && (
          <line class="end" x1={x(high)} x2={x(high)} y1={BASE - 19} y2={BASE - 5} />
        )}
        {estimate !== null && <circle class="estimate" cx={x(estimate)} cy={BASE - 12} r="5" />}
      </svg>
      <p class="quiet">
        Accuracy of the challenger less the champion's.
        {units.length > 0 && ` Each dot is one ${unitName}.`}
      </p>
    </figure>
  );
}

/** The next of 2, 5, 10, 20, 50, 100 points. */
const niceReach = (share: number): number =>
  [0.02, 0.05, 0.1, 0.2, 0.5].find((reach) => share <= reach) ?? 1;
