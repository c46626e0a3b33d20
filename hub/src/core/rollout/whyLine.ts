// Why a line's window and its challenger wait, as a person reads it. Text only; it must not decide anything.
import { failedCheck } from "../gate/gateCheck.ts";
import { judgeShadow } from "../gate/shadowGate.ts";
import type { LineView } from "./lineEvents.ts";
import type { Challenger, LineState } from "./lineState.ts";
import { currentHealth, whyNotGrow } from "./stepLine.ts";

/**
 * A span as a person reads it.
 *
 * @example
 * formatSpan(95_000); // => "1 min 35 s"
 */
export function formatSpan(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) {
    const rest = seconds % 60;
    return `${Math.floor(seconds / 60)} min${rest > 0 ? ` ${rest} s` : ""}`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 60 / 24)} d ${Math.floor(minutes / 60) % 24} h`;
}

/** What the aggregation window waits for. */
export function whyWindow(state: LineState, view: LineView): string {
  if (state.champion === null)
    return "waiting: the line has no version yet; import a model package";
  const { quorum, contributionsMin } = view.policy.window;
  const count = `${view.eligibleCount} of ${quorum} contributions`;
  if (state.challenger !== null) return `waiting: ${count}; a challenger is on its way`;
  const rest = formatSpan(state.window.deadlineAtMs - view.nowMs);
  const least =
    view.eligibleCount < contributionsMin ? ` (then at least ${contributionsMin} are needed)` : "";
  return `waiting: ${count}, deadline in ${rest}${least}`;
}

/** What the challenger waits for, and what happens when it does not come. */
export function whyChallenger(challenger: Challenger, state: LineState, view: LineView): string {
  const rest = `deadline in ${formatSpan(challenger.deadlineAtMs - view.nowMs)}`;
  const { policy } = view;
  switch (challenger.stage) {
    case "preparing":
      return challenger.window === null
        ? "comparing its parameters with the champion's"
        : `adding up the contributions of window ${challenger.window}`;
    case "validating": {
      if (challenger.champion !== null && !view.hasValidationSet) {
        return `waiting: ${state.line} has no validation set; upload one, ${rest}`;
      }
      const failed = failedCheck(challenger.gate);
      return failed === undefined ? `answering the validation set, ${rest}` : failed.text;
    }
    case "shadowing":
      return `waiting: ${judgeShadow(view.pairs, policy.gate.shadow).text}, ${rest}`;
    case "held":
      return `held: ${challenger.gate.because}; a person may approve or reject, rejected in ${formatSpan(challenger.deadlineAtMs - view.nowMs)}`;
    case "approving":
      return `waiting: a person has to approve it, ${rest}`;
    case "signing":
      return `waiting: release keys have to sign request ${challenger.signingRequest}, ${rest}`;
    case "canary":
    case "spreading":
      return whyRollout(challenger, state, view, rest);
    case "halted":
      return `halted by a person: never grows again, rolls back in ${formatSpan(challenger.deadlineAtMs - view.nowMs)}`;
  }
}

function whyRollout(
  challenger: Challenger,
  state: LineState,
  view: LineView,
  rest: string,
): string {
  const health = currentHealth(state, view);
  const { rollout } = challenger;
  if (health === null || rollout === null) return rest;
  const { policy, nowMs } = view;
  const stage = challenger.stage === "canary" ? "canary" : `stage ${rollout.stageIndex}`;
  const serving = `${stage}: ${health.activatedCount} of ${health.selected.length} devices serve it`;
  const harm = `evidence of harm ${health.harmEvidence.toPrecision(2)} of ${policy.rollout.harmLimit}`;
  const elapsedMs = nowMs - rollout.stageSinceMs;
  if (rollout.stageIndex >= policy.rollout.stages.length) {
    const needed = Math.max(1, Math.ceil(health.reachableCount * policy.rollout.bakedShareMin));
    const bakeRest = policy.rollout.bakeMs - elapsedMs;
    const bake = bakeRest > 0 ? `bakes ${formatSpan(bakeRest)} more` : "has baked";
    return `${serving}, ${health.reachableBakedCount} of ${needed} baked; ${bake}; ${harm}, ${rest}`;
  }
  const watchRest = policy.rollout.watchMs - elapsedMs;
  if (watchRest > 0) return `${serving}, watching ${formatSpan(watchRest)} more; ${harm}, ${rest}`;
  const hold =
    rollout.stageIndex === 0 && policy.guards === "on" && !rollout.mayProceed
      ? whyNotGrow(health, policy.rollout)
      : null;
  return `${serving}; ${hold ?? "no harm beyond the margin"}; ${harm}, ${rest}`;
}
