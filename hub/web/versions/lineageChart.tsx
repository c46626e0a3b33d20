// The lineage as a picture: generations upwards, what was made of what, and what became of each. The list beside it says the same.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { VersionSummary } from "../../src/state.ts";
import { routeHref } from "../live/route.ts";
import { type LineageNode, layoutLineage } from "./layoutLineage.ts";

const ROW = 52;
const LEFT = 46;
const TOP = 30;
const BOTTOM = 38;

/** The picture; it scrolls sideways when it is long. */
export function LineageChart({
  versions,
}: {
  readonly versions: readonly VersionSummary[];
}): JSX.Element {
  const { nodes, edges, columnCount, rowCount } = layoutLineage(versions);
  const scroller = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // The newest is at the right; that is what one comes for.
    if (scroller.current !== null) scroller.current.scrollLeft = scroller.current.scrollWidth;
  }, [columnCount]);
  // A short history takes the width that is there, a long one scrolls.
  const column = Math.max(74, Math.min(120, 680 / columnCount));
  const width = LEFT + columnCount * column;
  const height = TOP + Math.max(1, rowCount) * ROW + BOTTOM - ROW / 2;
  const x = (node: LineageNode): number => LEFT + (node.column + 0.5) * column;
  const y = ({ row }: LineageNode): number => TOP + (rowCount - 1 - row) * ROW + 8;
  const generations = [...new Map(nodes.map((node) => [node.row, node])).values()];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
    <div
      ref={scroller}
      class="scroller lineage"
      tabIndex={0}
      role="group"
      aria-label="Lineage of versions"
    >
      <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
        {generations.map((node) => (
          <g key={node.row} aria-hidden="true">
            <line class="grid" x1={LEFT - 8} x2={width} y1={y(node)} y2={y(node)} />
            <text class="axis" x={LEFT - 14} y={y(node) + 4} text-anchor="end">
              g{node.version.generation}
            </text>
          </g>
        ))}
        {edges.map(({ from, to }) => (
          <path
            key={to.version.version}
            class={`edge ${to.version.status}`}
            d={`M${x(from)} ${y(from)}C${x(from) + column / 2} ${y(from)} ${x(to) - column / 2} ${y(to)} ${x(to)} ${y(to)}`}
            aria-hidden="true"
          />
        ))}
        {nodes.map((node) => (
          <a
            key={node.version.version}
            href={routeHref("version", node.version.version)}
            aria-label={`${node.version.short}, generation ${node.version.generation}, ${node.version.status}`}
          >
            <g class={`node ${node.version.status}`} transform={`translate(${x(node)} ${y(node)})`}>
              <circle class="halo" r="17" />
              <circle class="dot" r="11" />
              <path class="sign" d={signs[node.version.status]} />
            </g>
            <text class="node-name" x={x(node)} y={y(node) + 28} text-anchor="middle">
              {node.version.version.slice(0, 6)}
            </text>
          </a>
        ))}
      </svg>
    </div>
  );
}

/** A sign inside each dot, so that status does not rest on colour alone. */
const signs: Readonly<Record<VersionSummary["status"], string>> = {
  champion: "M-4.5 .5L-1.5 3.5L5 -4",
  released: "M-4 0H4",
  retired: "M-4 0H4",
  candidate: "M0 0H.01",
  rejected: "M-4 -4L4 4M4 -4L-4 4",
  "rolled-back": "M4 4C4 -3 -1 -4 -4 -1M-4 -5V-.5H.5",
};
