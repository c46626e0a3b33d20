// Which two shared versions are compared here, and their paired counts. It must not compute an answer or fetch anything.
import {
  isSelected,
  type ModelVersion,
  PAIRED_DISCORDANT_MAX,
  type PairedCounts,
  type PairedReport,
  REPORT_PAIRED_MAX,
} from "@attune/protocol";
import { change, hubOf, keep, type Transition } from "../transition.ts";
import type { Comparison, ComparisonState } from "./comparisonState.ts";
import { startPreparation } from "./preparation.ts";
import type { PreparationSource } from "./slotState.ts";

/** What the newest decision asks this device to compare, and where the version that does not answer comes from. */
interface WantedComparison {
  readonly kind: Comparison["kind"];
  readonly champion: ModelVersion;
  readonly challenger: ModelVersion;
  readonly source: PreparationSource;
}

function wantedComparison({ state, context }: Transition): WantedComparison | null {
  const { enrolment, slots } = state.kept;
  if (enrolment.phase !== "enrolled" || slots.decision === null) return null;
  const { champion, rollout, shadow, blobUrl } = slots.decision.value;
  const { cryptography } = hubOf(context);
  const active = slots.active.version;
  if (
    rollout !== undefined &&
    rollout.target.version !== champion.version &&
    active === rollout.target.version &&
    isSelected(rollout.selection, enrolment.device, cryptography)
  ) {
    return {
      kind: "rollout",
      champion: champion.version,
      challenger: active,
      source: { kind: "release", target: champion, blobUrl },
    };
  }
  if (
    shadow !== undefined &&
    shadow.base === champion.version &&
    active === champion.version &&
    isSelected(shadow.selection, enrolment.device, cryptography)
  ) {
    return {
      kind: "shadow",
      champion: active,
      challenger: shadow.version,
      source: { kind: "delta", shadow, base: slots.active, blobUrl },
    };
  }
  return null;
}

/** Starts, keeps or ends the comparison that the decision asks for. What was counted is never lost. */
export function settleComparison(transition: Transition): void {
  const wanted = wantedComparison(transition);
  const { comparison } = transition.state.kept;
  const { current } = comparison;
  if (wanted === null) {
    if (current !== null) keep(transition, { comparison: setAside(comparison) });
    if (transition.state.shadow !== null) change(transition, { shadow: null });
    return;
  }
  if (
    current === null ||
    current.champion !== wanted.champion ||
    current.challenger !== wanted.challenger
  ) {
    keep(transition, { comparison: begin(setAside(comparison), wanted) });
    change(transition, { shadow: null });
  }
  const { shadow } = transition.state;
  const isFull = transition.state.kept.comparison.current?.phase === "full";
  if (isFull) {
    if (shadow !== null) change(transition, { shadow: null });
    return;
  }
  if (shadow === null) {
    const serial = transition.state.preparationSerial + 1;
    change(transition, {
      preparationSerial: serial,
      shadow: startPreparation(serial, wanted.source, transition.context.nowMs),
    });
  }
}

function setAside(comparison: ComparisonState): ComparisonState {
  const { current, past } = comparison;
  if (current === null) return comparison;
  const { champion, challenger, n, wins, losses, phase } = current;
  return {
    current: null,
    past: [...past, { champion, challenger, n, wins, losses, phase }].slice(
      -(REPORT_PAIRED_MAX - 1),
    ),
  };
}

function begin(comparison: ComparisonState, wanted: WantedComparison): ComparisonState {
  const { kind, champion, challenger } = wanted;
  const before = comparison.past.find(
    (one) => one.champion === champion && one.challenger === challenger,
  );
  return {
    current: {
      kind,
      champion,
      challenger,
      other: kind === "rollout" ? champion : challenger,
      phase: before?.phase ?? "holdout",
      n: before?.n ?? 0,
      wins: before?.wins ?? 0,
      losses: before?.losses ?? 0,
    },
    past: comparison.past.filter((one) => one !== before),
  };
}

/**
 * Adds pairs, in order, until this device has brought all the discordant ones that it may: later ones count for nothing, so
 * that no single device decides.
 *
 * @param discordantMax how many that is
 */
export function addPairs(
  counts: PairedCounts,
  pairs: readonly { readonly challengerCorrect: boolean; readonly championCorrect: boolean }[],
  discordantMax: number = PAIRED_DISCORDANT_MAX,
): PairedCounts {
  let { n, wins, losses } = counts;
  for (const { challengerCorrect, championCorrect } of pairs) {
    if (wins + losses >= discordantMax) break;
    n += 1;
    if (challengerCorrect && !championCorrect) wins += 1;
    else if (championCorrect && !challengerCorrect) losses += 1;
  }
  return { n, wins, losses };
}

/** Both versions have answered labelled windows: the holdout, or one fresh feedback. */
export function pairsScored(
  transition: Transition,
  scored: {
    readonly champion: string;
    readonly challenger: string;
    readonly from: "holdout" | "feedback";
    readonly pairs: readonly {
      readonly challengerCorrect: boolean;
      readonly championCorrect: boolean;
    }[];
  },
): void {
  const { comparison } = transition.state.kept;
  const { current } = comparison;
  if (current?.champion !== scored.champion || current.challenger !== scored.challenger) return;
  if (current.phase !== (scored.from === "holdout" ? "holdout" : "counting")) return;
  const counts = addPairs(current, scored.pairs);
  const isFull = counts.wins + counts.losses >= PAIRED_DISCORDANT_MAX;
  keep(transition, {
    comparison: {
      ...comparison,
      current: { ...current, ...counts, phase: isFull ? "full" : "counting" },
    },
  });
}

/** All comparisons, for the report: cumulative. */
export function pairedReports(comparison: ComparisonState): readonly PairedReport[] {
  const all =
    comparison.current === null ? comparison.past : [...comparison.past, comparison.current];
  return all.map(({ champion, challenger, n, wins, losses }) => ({
    champion,
    challenger,
    n,
    wins,
    losses,
  }));
}
