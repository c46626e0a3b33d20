// How right the fleet is, over time, with marks where it was changed. Sole owner of uPlot.
import { useSignalEffect } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { AuditRow } from "../../src/core/audit/auditChain.ts";
import type { PageModel } from "../pageModel.ts";
import { type FleetTrend, shareOf } from "./fleetTrend.ts";

const HEIGHT = 190;
/** Labelled answers that a share of right ones rests on, and answers that one of unusual windows does. */
const FEEDBACK_MIN = 120;
const PREDICTIONS_MIN = 500;

/** Acts that change what the fleet serves, with the mark's colour. */
const marks: Readonly<Record<string, "--good" | "--bad" | "--challenger">> = {
  "rollout.started": "--challenger",
  "rollout.promoted": "--good",
  "rollout.rolledBack": "--bad",
  "rollback.ordered": "--bad",
};

/** The panel. */
export function TrendPanel({ model }: { readonly model: PageModel }): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const draw = (): void => {
      plot.current?.destroy();
      plot.current = createPlot(element, () => model.hub.audit.peek());
      plot.current.setData(dataOf(model.trend.peek()));
    };
    draw();
    const resize = new ResizeObserver(() => {
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    resize.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      resize.disconnect();
      scheme.removeEventListener("change", draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [model]);
  useSignalEffect(() => {
    const trend = model.trend.value;
    void model.hub.audit.value;
    plot.current?.setData(dataOf(trend));
  });
  const shares = shareOf(model.trend.value.bins, "correct", "feedback", FEEDBACK_MIN);
  const latest = shares.at(-1);
  const hasCurve = shares.filter((share) => share !== null).length > 1;
  return (
    <section class="panel trend" aria-labelledby="trend-title">
      <header>
        <h2 id="trend-title">How right the fleet is</h2>
        <p class="quiet">
          {latest === null || latest === undefined
            ? "waiting for feedback from devices"
            : `${(100 * latest).toFixed(1)} % of what users confirmed or corrected lately`}
        </p>
      </header>
      {!hasCurve && (
        <p class="empty quiet">
          The curve begins when devices report answers that their users confirmed or corrected.
        </p>
      )}
      <div
        ref={place}
        class={hasCurve ? "plot" : "plot hidden"}
        role="img"
        aria-label="Share of right answers since this page was opened; marks show canaries, promotions and rollbacks"
      />
      <p class="quiet" hidden={!hasCurve}>
        Since this page was opened. Marks: <b class="mark-challenger">canary</b>,{" "}
        <b class="mark-good">promoted</b>, <b class="mark-bad">rolled back</b>.
      </p>
    </section>
  );
}

const percent = (shares: readonly (number | null)[]): (number | null)[] =>
  shares.map((share) => (share === null ? null : 100 * share));

const dataOf = ({ bins }: FleetTrend): uPlot.AlignedData => [
  bins.map(({ atMs }) => atMs / 1000),
  percent(shareOf(bins, "correct", "feedback", FEEDBACK_MIN)),
  percent(shareOf(bins, "outliers", "predictions", PREDICTIONS_MIN)),
];

function createPlot(element: HTMLElement, rows: () => readonly AuditRow[]): uPlot {
  const style = getComputedStyle(element);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour("--quiet"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1 },
    font: "11px system-ui, sans-serif",
  };
  return new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      cursor: { y: false },
      legend: { live: true },
      scales: {
        // Unusual windows have their own scale, or a few of them would press the curve flat.
        unusual: { range: (_, __, max) => [0, Math.min(100, Math.max(20, max * 2))] },
        y: {
          range: (_, min, max) => [
            Math.max(0, Math.floor((min - 3) / 5) * 5),
            Math.min(100, Math.max(max + 3, min + 10)),
          ],
        },
      },
      axes: [
        {
          ...axis,
          values: (_, seconds) =>
            seconds.map((at) => new Date(at * 1000).toLocaleTimeString("en-GB", { hour12: false })),
          space: 90,
          size: 32,
        },
        { ...axis, values: (_, shares) => shares.map((share) => `${share} %`), size: 52 },
        {
          ...axis,
          scale: "unusual",
          side: 1,
          stroke: colour("--wait"),
          grid: { show: false },
          values: (_, shares) => shares.map((share) => `${share} %`),
          size: 52,
        },
      ],
      series: [
        {
          value: (_, at) =>
            at === null ? "" : new Date(at * 1000).toLocaleTimeString("en-GB", { hour12: false }),
          label: "time",
        },
        {
          label: "right",
          stroke: colour("--champion"),
          width: 2,
          points: { show: false },
          spanGaps: true,
          value: (_, share) => (share === null ? "" : `${share.toFixed(1)} %`),
        },
        {
          label: "unusual windows",
          scale: "unusual",
          stroke: colour("--wait"),
          width: 1.5,
          dash: [4, 4],
          points: { show: false },
          spanGaps: true,
          value: (_, share) => (share === null ? "" : `${share.toFixed(1)} %`),
        },
      ],
      hooks: {
        draw: [
          (self) => {
            const { ctx, bbox } = self;
            const min = self.scales["x"]?.min ?? Number.POSITIVE_INFINITY;
            const max = self.scales["x"]?.max ?? Number.NEGATIVE_INFINITY;
            ctx.save();
            ctx.lineWidth = 2;
            for (const { action, atMs } of rows()) {
              const name = marks[action];
              const at = atMs / 1000;
              if (name === undefined || at < min || at > max) continue;
              const x = self.valToPos(at, "x", true);
              ctx.strokeStyle = colour(name);
              ctx.beginPath();
              ctx.moveTo(x, bbox.top);
              ctx.lineTo(x, bbox.top + bbox.height);
              ctx.stroke();
            }
            ctx.restore();
          },
        ],
      },
    },
    [[], [], []],
    element,
  );
}
