// The state machine of one model line: window, challenger, gate, signature, canary, spread, promotion, rollback. Pure.
// It must not sign, store, or look anything up: everything that it may know is in its view.
import {
  assertDefect,
  type CohortId,
  type DecisionAction,
  type ModelVersion,
  type PersonalFate,
  shortVersion,
} from "@attune/protocol";
import type { RolloutPolicy } from "../../policy.ts";
import { emptyGateReport, failedCheck, type GateReport, withCheck } from "../gate/gateCheck.ts";
import { judgeShadow } from "../gate/shadowGate.ts";
import { canariesFor, coveredMinority } from "./canaryCover.ts";
import type { LineEffect, LineEvent, LineStep, LineView, PendingWork } from "./lineEvents.ts";
import type {
  Challenger,
  ChallengerStage,
  CohortState,
  DecisionPlan,
  LineState,
  RolloutProgress,
} from "./lineState.ts";
import { type DeviceHealth, type RolloutHealth, rolloutHealth } from "./rolloutHealth.ts";

/** Stages that can follow one another in one look without anything from outside; a bound on the loop, never reached. */
const TRANSITIONS_PER_LOOK_MAX = 16;

/** How long parameters may be in the making: summing a window takes seconds, an hour of it is a fault. */
const PREPARE_DEADLINE_MS = 600_000;

/** Every hash is at most this: the threshold that selects all devices. */
export const THRESHOLD_ALL = 0xffffffff;

interface Draft {
  state: LineState;
  readonly effects: LineEffect[];
  readonly view: LineView;
  /** Who caused the step. */
  readonly actor: string;
}

/**
 * Takes one event: the new state, and what to do. Afterwards everything that follows by itself has followed.
 *
 * - Level-triggered: an event that no longer fits (a late result, a signature for a request that has expired) changes nothing.
 * - Every stage has a deadline with a decided outcome, so a line never stays where it is for ever.
 */
export function stepLine(state: LineState, event: LineEvent, view: LineView): LineStep {
  const actor = "actor" in event ? event.actor : "hub";
  const draft: Draft = { state, effects: [], view, actor };
  take(draft, event);
  const looking: Draft = { ...draft, actor: "hub" };
  for (let round = 0; round < TRANSITIONS_PER_LOOK_MAX; round += 1) {
    const before = looking.state;
    look(looking);
    if (looking.state === before) break;
  }
  return { state: looking.state, effects: looking.effects };
}

/** What a line waits for that the shell has to work out; null when it waits for time, devices or people. */
export function pendingWork(state: LineState, hasValidationSet: boolean): PendingWork | null {
  const { challenger } = state;
  if (challenger === null) return null;
  const { id, stage, version, window, champion } = challenger;
  if (stage === "preparing") {
    if (version !== null) return { kind: "compare", challengerId: id, version };
    return window === null ? null : { kind: "aggregate", challengerId: id, window };
  }
  if (stage === "validating" && version !== null) {
    if (champion !== null && !hasValidationSet) return null;
    return { kind: "validate", challengerId: id, version, champion };
  }
  return null;
}

/** When the line has to be looked at again though nothing happens; null for never. */
export function nextLookAtMs(state: LineState, view: LineView): number | null {
  const { challenger } = state;
  const times: number[] = [];
  if (challenger === null) {
    if (state.champion !== null) times.push(state.window.deadlineAtMs);
  } else {
    times.push(challenger.deadlineAtMs);
    if (challenger.rollout !== null) {
      const { rollout } = view.policy;
      const sinceMs = challenger.rollout.stageSinceMs;
      times.push(sinceMs + rollout.watchMs, sinceMs + rollout.bakeMs);
    }
  }
  const coming = times.filter((time) => time > view.nowMs);
  return coming.length > 0 ? Math.min(...coming) : times.length > 0 ? view.nowMs : null;
}

/** Cohorts that serve what the line serves: all but the pinned. */
export function followingCohorts(state: LineState): readonly CohortId[] {
  return (Object.entries(state.cohorts) as [CohortId, CohortState][])
    .filter(([, { pin }]) => pin === null)
    .map(([cohort]) => cohort)
    .sort();
}

function followingDevices(state: LineState, view: LineView): LineView["devices"] {
  return view.devices.filter(({ cohort }) => !state.cohorts[cohort]?.pin);
}

/** Health of the rollout that is on its way, or null. */
export function currentHealth(state: LineState, view: LineView): RolloutHealth | null {
  const { challenger } = state;
  if (!challenger?.rollout || challenger.version === null) return null;
  const devices = followingDevices(state, view);
  const observations = { ...view, devices };
  return rolloutHealth(challenger.rollout, challenger.version, observations, view.policy.rollout);
}

// Events.

function take(draft: Draft, event: LineEvent): void {
  switch (event.type) {
    case "looked":
      return;
    case "cohortAdded":
      return addCohort(draft, event.cohort);
    case "cohortJoined":
      if (draft.state.cohorts[event.cohort] === undefined) addCohort(draft, event.cohort);
      return repeatDecision(draft, event.cohort, event.reason);
    case "trustChanged":
      return renewDecisions(draft, event.reason);
    case "imported":
      draft.state = {
        ...draft.state,
        queue: [
          ...draft.state.queue,
          { version: event.version, securityEpoch: event.securityEpoch },
        ],
      };
      return;
    case "pinRemoved":
      return removePin(draft, event.cohort, event.reason);
    case "rollbackOrdered":
      return orderRollback(draft, event);
    default: {
      const { challenger } = draft.state;
      if (challenger !== null) takeForChallenger(draft, challenger, event);
    }
  }
}

type ChallengerEvent = Exclude<
  LineEvent,
  {
    type:
      | "looked"
      | "cohortAdded"
      | "cohortJoined"
      | "trustChanged"
      | "imported"
      | "pinRemoved"
      | "rollbackOrdered";
  }
>;

function takeForChallenger(draft: Draft, challenger: Challenger, event: ChallengerEvent): void {
  const { stage, id, signingRequest } = challenger;
  switch (event.type) {
    case "prepared": {
      if (event.challengerId !== id || stage !== "preparing") return;
      const { version, delta, shadowVersion, deltaMissing, norm, contributionCount } = event;
      update(draft, { version, delta, shadowVersion, deltaMissing, norm, contributionCount });
      if (challenger.source === "aggregate") {
        audit(draft, "candidate.made", version, "", {
          window: challenger.window,
          contributionCount,
          norm,
          champion: challenger.champion,
        });
      }
      return enter(draft, "validating", draft.view.policy.gate.validation.deadlineMs);
    }
    case "prepareFailed":
      if (event.challengerId !== id || stage !== "preparing") return;
      return reject(draft, event.reason);
    case "validated":
      if (event.challengerId !== id || stage !== "validating") return;
      return takeValidation(draft, event.checks.reduce(withCheck, challenger.gate));
    case "validationFailed":
      if (event.challengerId !== id || stage !== "validating") return;
      return reject(draft, event.reason);
    case "approvalGiven":
      if (stage !== "held" && stage !== "approving") return;
      audit(draft, "approval.given", name(draft, challenger), event.reason, {
        verdict: event.verdict,
        stage,
      });
      update(draft, {
        gate: withCheck(challenger.gate, {
          name: "approval",
          outcome: event.verdict === "promote" ? "pass" : "fail",
          text: `${event.actor}: ${event.reason}`,
          evidence: { actor: event.actor, verdict: event.verdict, reason: event.reason },
        }),
      });
      return event.verdict === "promote"
        ? requestSignature(draft, `${event.actor} approved it: ${event.reason}`)
        : reject(draft, `${event.actor} rejected it: ${event.reason}`);
    case "signed":
      if (stage !== "signing" || event.request !== signingRequest) return;
      return takeSignature(draft, challenger);
    case "signingRefused":
      if (stage !== "signing" || event.request !== signingRequest) return;
      effect(draft, {
        type: "closeSigning",
        request: event.request,
        state: "refused",
        code: event.code,
        message: event.message,
      });
      audit(draft, "signing.refused", name(draft, challenger), event.message, { code: event.code });
      return reject(draft, `the signer refused: ${event.message}`);
    case "haltOrdered":
      if (stage !== "canary" && stage !== "spreading") return;
      audit(draft, "rollout.halted", name(draft, challenger), event.reason, {});
      return enter(draft, "halted", draft.view.policy.rollout.haltDeadlineMs);
    case "proceedOrdered":
      if (challenger.rollout === null || stage !== "canary") return;
      audit(draft, "rollout.proceeded", name(draft, challenger), event.reason, {});
      return update(draft, { rollout: { ...challenger.rollout, mayProceed: true } });
  }
}

function takeValidation(draft: Draft, gate: GateReport): void {
  const { policy } = draft.view;
  update(draft, { gate });
  const failed = failedCheck(gate);
  if (failed !== undefined && policy.guards === "on") {
    return reject(draft, `${failed.name}: ${failed.text}`);
  }
  const challenger = current(draft);
  const skip = whyNoShadow(draft, challenger);
  if (skip === null) {
    enter(draft, "shadowing", policy.gate.shadow.deadlineMs);
    return tellFollowers(draft, "evaluate", `devices compare ${name(draft, current(draft))}`);
  }
  update(draft, {
    gate: withCheck(gate, { name: "shadow", outcome: "skipped", text: skip, evidence: {} }),
  });
  // Only switched-off guards come here with a check that failed.
  passGate(
    draft,
    failed === undefined ? "all checks passed" : `although ${failed.name} failed: ${failed.text}`,
  );
}

/** Why devices do not compare a challenger in shadow, or null when they do. */
function whyNoShadow(draft: Draft, challenger: Challenger): string | null {
  const { policy } = draft.view;
  if (challenger.champion === null) return "first version of its line: there is nothing to compare";
  if (policy.guards === "off") return "guards are off";
  if (challenger.source === "imported" && !policy.gate.shadow.imported) {
    return "the policy compares aggregates only: validation decides alone";
  }
  return challenger.delta === null ? `${challenger.deltaMissing}: validation decides alone` : null;
}

function passGate(draft: Draft, because: string): void {
  const { policy } = draft.view;
  if (policy.gate.approval === "person" && policy.guards === "on") {
    update(draft, {
      gate: withCheck(current(draft).gate, {
        name: "approval",
        outcome: "wait",
        text: "a person has to say yes",
        evidence: {},
      }),
    });
    return enter(draft, "approving", policy.gate.approvalDeadlineMs);
  }
  requestSignature(draft, because);
}

function requestSignature(draft: Draft, because: string): void {
  const challenger = current(draft);
  const version = versionOf(challenger);
  const label = draft.view.policy.guards === "off" ? `${because} (guards are off)` : because;
  const gate: GateReport = { ...challenger.gate, verdict: "promote", because: label };
  const request = `${draft.state.line}-${challenger.id}`;
  const deadlineMs = draft.view.policy.signing.deadlineMs;
  const hadShadow = challenger.stage === "shadowing" || challenger.stage === "held";
  update(draft, { gate, signingRequest: request });
  storeGate(draft);
  enter(draft, "signing", deadlineMs);
  effect(draft, {
    type: "requestSignature",
    request,
    version,
    gate,
    deadlineAtMs: draft.view.nowMs + deadlineMs,
  });
  audit(draft, "signing.requested", version, label, { request });
  if (hadShadow)
    tellFollowers(draft, "evaluate", `${name(draft, challenger)} waits for release keys`);
}

function takeSignature(draft: Draft, challenger: Challenger): void {
  const version = versionOf(challenger);
  setStatus(draft, version, "released");
  audit(draft, "release.created", version, challenger.gate.because, {
    request: challenger.signingRequest,
    champion: challenger.champion,
  });
  if (challenger.champion === null) {
    draft.state = {
      ...draft.state,
      champion: version,
      securityEpoch: Math.max(draft.state.securityEpoch, challenger.securityEpoch),
      challenger: null,
      window: openedNow(draft, draft.state.window.number),
    };
    setStatus(draft, version, "champion");
    return tellFollowers(draft, "release", `first version of ${draft.state.line}`);
  }
  const salt = `${version.slice(0, 16)}-${challenger.id}`;
  const firstSequence = draft.state.decisionSequence + 1;
  update(draft, {
    rollout: {
      salt,
      stageIndex: 0,
      stageSinceMs: draft.view.nowMs,
      threshold: canaryThresholdOf(draft, salt),
      firstSequence,
      isHeld: false,
      mayProceed: false,
    },
  });
  enter(draft, "canary", draft.view.policy.rollout.canaryDeadlineMs);
  const health = healthOf(draft);
  const devices = health.selected.map(({ device }) => device);
  const reason = `canary of ${devices.length} devices for ${name(draft, challenger)}: ${coverText(draft, devices.length)}`;
  audit(draft, "rollout.started", version, reason, { devices, salt });
  tellFollowers(draft, "canary", reason);
}

function addCohort(draft: Draft, cohort: CohortId): void {
  if (draft.state.cohorts[cohort] !== undefined) return;
  const added: CohortState = { decisionSequence: 0, action: null, reason: "", pin: null };
  draft.state = { ...draft.state, cohorts: { ...draft.state.cohorts, [cohort]: added } };
  if (draft.state.champion !== null) decide(draft, cohort, "release", `cohort ${cohort} was made`);
}

function repeatDecision(draft: Draft, cohort: CohortId, reason: string): void {
  if (draft.state.champion === null) return;
  decide(draft, cohort, draft.state.cohorts[cohort]?.action ?? "release", reason);
}

/** Gives every cohort its decision again. What devices answered to the earlier ones, they answer again to these. */
function renewDecisions(draft: Draft, reason: string): void {
  const { challenger, decisionSequence } = draft.state;
  if (challenger?.rollout) {
    update(draft, { rollout: { ...challenger.rollout, firstSequence: decisionSequence + 1 } });
  }
  for (const cohort of (Object.keys(draft.state.cohorts) as CohortId[]).sort()) {
    repeatDecision(draft, cohort, reason);
  }
}

function removePin(draft: Draft, cohort: CohortId, reason: string): void {
  const state = draft.state.cohorts[cohort];
  if (!state?.pin) return;
  audit(draft, "pin.removed", cohort, reason, { version: state.pin.version });
  setCohort(draft, cohort, { ...state, pin: null });
  repeatDecision(draft, cohort, reason);
}

function orderRollback(draft: Draft, event: LineEvent & { type: "rollbackOrdered" }): void {
  const { cohort, to, reason, personal } = event;
  const cohortState = draft.state.cohorts[cohort];
  if (cohortState === undefined || draft.state.champion === null) return;
  const moves = movesLine(draft.state, cohort);
  audit(draft, "rollback.ordered", to, reason, {
    cohort,
    personal,
    pins: !moves,
    from: cohortState.pin?.version ?? draft.state.champion,
  });
  if (!moves) {
    setCohort(draft, cohort, { ...cohortState, pin: { version: to, reason } });
    return decide(draft, cohort, "rollback", reason, personal);
  }
  const from = draft.state.champion;
  setCohort(draft, cohort, { ...cohortState, pin: null });
  dropChallenger(draft, `a person rolled ${cohort} back: ${reason}`);
  draft.state = {
    ...draft.state,
    champion: to,
    window: openedNow(draft, draft.state.window.number),
  };
  if (from !== to) {
    setStatus(draft, from, "rolled-back");
    setStatus(draft, to, "champion");
  }
  for (const each of followingCohorts(draft.state)) {
    decide(draft, each, "rollback", reason, personal);
  }
}

/** Whether a rollback of this cohort is one of the whole line: nobody else follows the line. */
export function movesLine(state: LineState, cohort: CohortId): boolean {
  return followingCohorts(state).every((each) => each === cohort);
}

/** Ends a challenger because its champion is no longer one. */
function dropChallenger(draft: Draft, reason: string): void {
  const { challenger } = draft.state;
  if (challenger === null) return;
  const { rollout, version, signingRequest, stage } = challenger;
  if (rollout !== null && version !== null) {
    setStatus(draft, version, "rolled-back");
    audit(draft, "rollout.rolledBack", version, reason, healthDetail(healthOf(draft)));
    draft.state = { ...draft.state, challenger: null };
    return;
  }
  if (stage === "signing" && signingRequest !== null) {
    const message = `${reason}; nothing is to be signed`;
    effect(draft, {
      type: "closeSigning",
      request: signingRequest,
      state: "expired",
      code: "",
      message,
    });
  }
  end(draft, reason);
}

// What follows by itself.

function look(draft: Draft): void {
  const { challenger } = draft.state;
  if (challenger === null) return lookForChallenger(draft);
  const isOverdue = draft.view.nowMs >= challenger.deadlineAtMs;
  switch (challenger.stage) {
    case "preparing":
      if (isOverdue) reject(draft, "its parameters were not made in time");
      return;
    case "validating":
      return lookAtValidation(draft, challenger, isOverdue);
    case "shadowing":
      return lookAtShadow(draft, challenger, isOverdue);
    case "held":
      if (isOverdue) reject(draft, `${challenger.gate.because}, and nobody decided in time`);
      return;
    case "approving":
      if (isOverdue) reject(draft, "nobody approved it in time");
      return;
    case "signing":
      return lookAtSigning(draft, challenger, isOverdue);
    case "canary":
    case "spreading":
      return lookAtRollout(draft, challenger, isOverdue);
    case "halted":
      if (isOverdue) rollBack(draft, "it was halted, and nobody decided in time");
      return;
  }
}

function lookForChallenger(draft: Draft): void {
  const { state, view } = draft;
  const [first, ...rest] = state.queue;
  if (first !== undefined) {
    draft.state = { ...state, queue: rest };
    return begin(draft, "imported", null, first.version, first.securityEpoch);
  }
  if (state.champion === null) return;
  const { policy, nowMs, eligibleCount } = view;
  const isOverdue = nowMs >= state.window.deadlineAtMs;
  const isFull = eligibleCount >= policy.window.quorum;
  if (!isFull && !isOverdue) return;
  if (!isFull && eligibleCount < policy.window.contributionsMin) {
    draft.state = {
      ...state,
      window: { ...state.window, deadlineAtMs: nowMs + policy.window.deadlineMs },
    };
    return;
  }
  const { number } = state.window;
  const reason = isFull
    ? `quorum: ${eligibleCount} of ${policy.window.quorum}`
    : `deadline with ${eligibleCount} of ${policy.window.quorum}, at least ${policy.window.contributionsMin} needed`;
  effect(draft, { type: "closeWindow", window: number });
  audit(draft, "window.closed", String(number), reason, { contributions: eligibleCount });
  draft.state = { ...draft.state, window: openedNow(draft, number + 1) };
  begin(draft, "aggregate", number, null, state.securityEpoch);
}

function begin(
  draft: Draft,
  source: Challenger["source"],
  window: number | null,
  version: ModelVersion | null,
  securityEpoch: number,
): void {
  const { nowMs } = draft.view;
  const id = draft.state.challengerCount + 1;
  draft.state = {
    ...draft.state,
    challengerCount: id,
    challenger: {
      id,
      source,
      window,
      version,
      champion: draft.state.champion,
      securityEpoch,
      delta: null,
      shadowVersion: null,
      deltaMissing: "",
      norm: null,
      contributionCount: 0,
      stage: "preparing",
      sinceMs: nowMs,
      deadlineAtMs: nowMs + PREPARE_DEADLINE_MS,
      gate: emptyGateReport,
      signingRequest: null,
      rollout: null,
    },
  };
}

function lookAtValidation(draft: Draft, challenger: Challenger, isOverdue: boolean): void {
  const { hasValidationSet, policy } = draft.view;
  if (policy.guards === "off" && challenger.champion !== null && !hasValidationSet) {
    const text = "no validation set, and guards are off";
    const check = { name: "validation", outcome: "skipped", text, evidence: {} } as const;
    return takeValidation(draft, withCheck(challenger.gate, check));
  }
  if (!isOverdue) return;
  reject(
    draft,
    hasValidationSet || challenger.champion === null
      ? "its validation did not end in time"
      : `there is no validation set for ${draft.state.line}; upload one and import or learn again`,
  );
}

function lookAtShadow(draft: Draft, challenger: Challenger, isOverdue: boolean): void {
  const { policy, pairs } = draft.view;
  const check = judgeShadow(pairs, policy.gate.shadow);
  if (check.outcome === "wait" && !isOverdue) return;
  const gate = withCheck(challenger.gate, check);
  update(draft, { gate });
  if (check.outcome === "fail") return reject(draft, `shadow: ${check.text}`);
  if (check.outcome === "pass") return passGate(draft, check.text);
  const because = `not enough evidence: ${check.text}`;
  update(draft, { gate: { ...gate, verdict: "hold", because } });
  storeGate(draft);
  audit(draft, "gate.verdict", versionOf(challenger), because, { verdict: "hold" });
  enter(draft, "held", policy.gate.holdDeadlineMs);
}

function lookAtSigning(draft: Draft, challenger: Challenger, isOverdue: boolean): void {
  if (!isOverdue || challenger.signingRequest === null) return;
  effect(draft, {
    type: "closeSigning",
    request: challenger.signingRequest,
    state: "expired",
    code: "",
    message: "no signer answered in time; start one with: attune signer run",
  });
  reject(draft, "no signer answered in time; start one with: attune signer run");
}

function lookAtRollout(draft: Draft, challenger: Challenger, isOverdue: boolean): void {
  const { rollout } = challenger;
  if (rollout === null) return;
  const { policy, nowMs } = draft.view;
  const health = healthOf(draft);
  if (policy.guards === "on") {
    const [fault] = health.faults;
    if (fault !== undefined) {
      const what = fault.code === "" ? fault.message : `${fault.code}, ${fault.message}`;
      return rollBack(draft, `${fault.device} ${fault.outcome} it: ${what}`);
    }
    if (health.harmEvidence >= policy.rollout.harmLimit) {
      return rollBack(draft, harmText(health, policy.rollout.harmLimit));
    }
  }
  const elapsedMs = nowMs - rollout.stageSinceMs;
  if (isLastStage(draft, rollout)) {
    const needed = Math.max(1, Math.ceil(health.reachableCount * policy.rollout.bakedShareMin));
    const isBaked = elapsedMs >= policy.rollout.bakeMs && health.reachableBakedCount >= needed;
    const baked = `${health.bakedCount} devices baked it, ${harmSeen(health, policy.rollout.harmLimit)}`;
    if (isBaked) return promote(draft, baked);
    if (!isOverdue) return;
    return health.bakedCount > 0
      ? promote(draft, `by the deadline ${baked}`)
      : rollBack(draft, "no device had baked it by the deadline");
  }
  const hasArrived =
    elapsedMs >= policy.rollout.watchMs &&
    health.activatedCount > 0 &&
    health.reachableActivatedCount >= health.reachableCount;
  const mayGrow =
    rollout.stageIndex > 0 || policy.guards === "off" || rollout.mayProceed
      ? null
      : whyNotGrow(health, policy.rollout);
  if (hasArrived && mayGrow === null)
    return grow(draft, rollout, health, whyGrows(draft, rollout, health));
  if (!isOverdue) return;
  if (health.activatedCount === 0)
    return rollBack(draft, "no device had activated it by the deadline");
  if (rollout.stageIndex > 0 || mayGrow === null) {
    return grow(draft, rollout, health, `deadline, ${harmSeen(health, policy.rollout.harmLimit)}`);
  }
  if (rollout.isHeld) return rollBack(draft, `${mayGrow}, and nobody decided in time`);
  switch (policy.rollout.atCanaryDeadline) {
    case "spread":
      return grow(draft, rollout, health, `deadline without evidence of harm (${mayGrow})`);
    case "rollback":
      return rollBack(draft, `deadline: ${mayGrow}`);
    case "hold":
      audit(draft, "rollout.held", versionOf(challenger), mayGrow, healthDetail(health));
      update(draft, {
        rollout: { ...rollout, isHeld: true },
        deadlineAtMs: nowMs + policy.rollout.holdDeadlineMs,
      });
  }
}

/**
 * What the canary cannot yet rule out; null when its bound on harm is within the margin, and no single device has evidence of harm of
 * its own: among seven who fare well one who does not is hardly seen in the mean, and may stand for a third of the fleet.
 */
export function whyNotGrow(
  health: RolloutHealth,
  { margin, harmLimit }: Pick<RolloutPolicy, "margin" | "harmLimit">,
): string | null {
  const points = (share: number): string => (share * 100).toFixed(1);
  if (health.interval === null) {
    return `hold: ${health.selected.length} devices have compared nothing yet, margin ${points(margin)} points`;
  }
  const bound = -health.interval.low;
  if (bound > margin) {
    return `hold: ${health.devices.length} devices can show ${points(bound)} points, margin ${points(margin)}`;
  }
  const worst = worstOf(health);
  if (worst === undefined || worst.harmEvidence < harmLimit) return null;
  const { device, wins, losses, n, harmEvidence } = worst;
  return `hold: ${device} alone has ${losses} losses, ${wins} wins of ${n}: evidence of harm ${harmEvidence.toPrecision(3)} of ${harmLimit}`;
}

function grow(draft: Draft, rollout: RolloutProgress, health: RolloutHealth, why: string): void {
  const { policy, nowMs } = draft.view;
  const deviceCount = followingDevices(draft.state, draft.view).length;
  const stageIndex = rollout.stageIndex + 1;
  const share = policy.rollout.stages[stageIndex - 1] ?? 1;
  const threshold =
    share >= 1
      ? THRESHOLD_ALL
      : Math.max(
          rollout.threshold,
          thresholdOf(draft, rollout.salt, Math.ceil(share * deviceCount)),
        );
  update(draft, {
    rollout: { ...rollout, stageIndex, threshold, stageSinceMs: nowMs, isHeld: false },
  });
  enter(draft, "spreading", policy.rollout.spreadDeadlineMs);
  const count = healthOf(draft).selected.length;
  const reason = `${why}: from ${health.selected.length} to ${count} devices`;
  audit(draft, "rollout.grown", versionOf(current(draft)), reason, {
    ...healthDetail(health),
    stageIndex,
    share,
  });
  tellFollowers(draft, "canary", reason);
}

function promote(draft: Draft, why: string): void {
  const challenger = current(draft);
  const version = versionOf(challenger);
  const { champion } = draft.state;
  const detail = { ...healthDetail(healthOf(draft)), champion, gate: challenger.gate.because };
  draft.state = {
    ...draft.state,
    champion: version,
    securityEpoch: Math.max(draft.state.securityEpoch, challenger.securityEpoch),
    challenger: null,
  };
  if (champion !== null) setStatus(draft, champion, "retired");
  setStatus(draft, version, "champion");
  audit(draft, "rollout.promoted", version, why, detail);
  tellFollowers(draft, "promote", why);
}

function rollBack(draft: Draft, why: string): void {
  const challenger = current(draft);
  const version = versionOf(challenger);
  const detail = healthDetail(healthOf(draft));
  draft.state = { ...draft.state, challenger: null };
  setStatus(draft, version, "rolled-back");
  audit(draft, "rollout.rolledBack", version, why, detail);
  tellFollowers(draft, "rollback", why, draft.view.policy.personal.onRollback);
}

function reject(draft: Draft, because: string): void {
  const challenger = current(draft);
  const hadShadow = challenger.stage === "shadowing" || challenger.stage === "held";
  update(draft, { gate: { ...challenger.gate, verdict: "reject", because } });
  end(draft, because);
  if (hadShadow) tellFollowers(draft, "evaluate", because);
}

/** Ends a challenger that never served. */
function end(draft: Draft, because: string): void {
  const challenger = current(draft);
  if (challenger.version === null) {
    audit(draft, "window.failed", String(challenger.window), because, {});
  } else {
    storeGate(draft);
    setStatus(draft, challenger.version, "rejected");
    audit(draft, "gate.verdict", challenger.version, because, { verdict: "reject" });
  }
  draft.state = { ...draft.state, challenger: null };
}

// Decisions.

/** What a cohort has to be told for its devices to do what the state says. */
function planFor(
  draft: Draft,
  cohort: CohortId,
  decisionSequence: number,
  action: DecisionAction,
  reason: string,
  personal: PersonalFate,
): DecisionPlan | null {
  const { state, view } = draft;
  const pin = state.cohorts[cohort]?.pin ?? null;
  const champion = pin?.version ?? state.champion;
  if (champion === null) return null;
  const challenger = pin === null ? state.challenger : null;
  return {
    cohort,
    decisionSequence,
    action,
    champion,
    rollout: rolloutOf(challenger),
    shadow: shadowOf(challenger),
    personal,
    bakeMs: view.policy.rollout.bakeMs,
    reason,
  };
}

function rolloutOf(challenger: Challenger | null): DecisionPlan["rollout"] {
  if (!challenger?.version || challenger.rollout === null) return null;
  const { salt, threshold } = challenger.rollout;
  return { version: challenger.version, salt, threshold };
}

function shadowOf(challenger: Challenger | null): DecisionPlan["shadow"] {
  if (challenger === null) return null;
  const { stage, delta, shadowVersion, champion } = challenger;
  const isComparing = stage === "shadowing" || stage === "held";
  if (!isComparing || delta === null || shadowVersion === null || champion === null) return null;
  const salt = `shadow-${challenger.id}`;
  return { version: shadowVersion, base: champion, delta, salt, threshold: THRESHOLD_ALL };
}

function decide(
  draft: Draft,
  cohort: CohortId,
  action: DecisionAction,
  reason: string,
  personal: PersonalFate = draft.view.policy.personal.onPromotion,
): void {
  const sequence = draft.state.decisionSequence + 1;
  const label = draft.view.policy.guards === "off" ? `${reason} (guards are off)` : reason;
  const plan = planFor(draft, cohort, sequence, action, label.slice(0, 500), personal);
  const before = draft.state.cohorts[cohort];
  if (plan === null || before === undefined) return;
  draft.state = { ...draft.state, decisionSequence: sequence };
  setCohort(draft, cohort, { ...before, decisionSequence: sequence, action, reason: label });
  effect(draft, { type: "decide", plan });
}

function tellFollowers(
  draft: Draft,
  action: DecisionAction,
  reason: string,
  personal?: PersonalFate,
): void {
  for (const cohort of followingCohorts(draft.state)) {
    decide(draft, cohort, action, reason, personal);
  }
}

// Small parts.

function canaryThresholdOf(draft: Draft, salt: string): number {
  const { canaryDevices, minorityShare, alpha } = draft.view.policy.rollout;
  const fleet = followingDevices(draft.state, draft.view).length;
  const count = Math.max(canaryDevices, canariesFor(fleet, minorityShare, alpha));
  return thresholdOf(draft, salt, count);
}

/** What a canary can feel at all, before it has felt anything. */
function coverText(draft: Draft, canaries: number): string {
  const { alpha } = draft.view.policy.rollout;
  const fleet = followingDevices(draft.state, draft.view).length;
  const minority = coveredMinority(fleet, canaries, alpha);
  const sure = `${((1 - alpha) * 100).toFixed(0)} %`;
  return `whatever harms ${minority} of ${fleet} devices meets one of them with ${sure}`;
}

/**
 * The threshold that selects `count` devices: among those that can be reached, when there are as many, because a canary that is
 * switched off tells nothing.
 */
function thresholdOf(draft: Draft, salt: string, count: number): number {
  const { canaryHash } = draft.view;
  const devices = followingDevices(draft.state, draft.view);
  const reachable = devices.filter(({ isReachable }) => isReachable);
  const chosen = reachable.length >= count ? reachable : devices;
  const hashes = chosen.map(({ device }) => canaryHash(salt, device)).sort((a, b) => a - b);
  return hashes[Math.min(count, hashes.length) - 1] ?? 0;
}

function isLastStage(draft: Draft, rollout: RolloutProgress): boolean {
  return rollout.stageIndex >= draft.view.policy.rollout.stages.length;
}

function healthOf(draft: Draft): RolloutHealth {
  const health = currentHealth(draft.state, draft.view);
  assertDefect(health !== null, "line.rollout_missing", "there is no rollout to look at");
  return health;
}

function healthDetail(health: RolloutHealth): Record<string, unknown> {
  return {
    selectedDevices: health.selected.length,
    activated: health.activatedCount,
    baked: health.bakedCount,
    faults: health.faults,
    devices: health.devices,
    harmEvidence: health.harmEvidence,
    interval: health.interval,
  };
}

/** A rollout grows for its evidence, or because a person or switched-off guards say so. */
function whyGrows(draft: Draft, rollout: RolloutProgress, health: RolloutHealth): string {
  const { harmLimit } = draft.view.policy.rollout;
  const hold = rollout.stageIndex > 0 ? null : whyNotGrow(health, draft.view.policy.rollout);
  if (hold === null && health.harmEvidence < harmLimit) return "no harm beyond the margin";
  return rollout.mayProceed
    ? `a person let it go on, ${harmSeen(health, harmLimit)}`
    : harmSeen(health, harmLimit);
}

/** What the evidence says of harm, also where nobody obeys it. */
function harmSeen(health: RolloutHealth, limit: number): string {
  const [fault] = health.faults;
  if (fault !== undefined) return `although ${fault.device} ${fault.outcome} it`;
  return health.harmEvidence >= limit
    ? `although it harms: ${harmText(health, limit)}`
    : `evidence of harm ${health.harmEvidence.toPrecision(2)} of ${limit}`;
}

function worstOf({ devices }: RolloutHealth): DeviceHealth | undefined {
  return [...devices].sort((a, b) => b.harmEvidence - a.harmEvidence)[0];
}

function harmText(health: RolloutHealth, limit: number): string {
  const worst = worstOf(health);
  const where =
    worst === undefined
      ? ""
      : `; worst ${worst.device}: ${worst.losses} losses, ${worst.wins} wins of ${worst.n}`;
  return `evidence of harm ${health.harmEvidence.toPrecision(3)}, limit ${limit}, on ${health.devices.length} devices${where}`;
}

function openedNow(draft: Draft, number: number): LineState["window"] {
  const { nowMs, policy } = draft.view;
  return { number, openedAtMs: nowMs, deadlineAtMs: nowMs + policy.window.deadlineMs };
}

function enter(draft: Draft, stage: ChallengerStage, deadlineMs: number): void {
  const { nowMs } = draft.view;
  update(draft, { stage, sinceMs: nowMs, deadlineAtMs: nowMs + deadlineMs });
}

function update(draft: Draft, change: Partial<Challenger>): void {
  draft.state = { ...draft.state, challenger: { ...current(draft), ...change } };
}

function current(draft: Draft): Challenger {
  const { challenger } = draft.state;
  assertDefect(challenger !== null, "line.challenger_missing", "there is no challenger");
  return challenger;
}

function versionOf(challenger: Challenger): ModelVersion {
  const { version } = challenger;
  assertDefect(version !== null, "line.version_missing", "the challenger has no version yet");
  return version;
}

function name(draft: Draft, challenger: Challenger): string {
  return shortVersion(draft.state.line, versionOf(challenger));
}

function setCohort(draft: Draft, cohort: CohortId, state: CohortState): void {
  draft.state = { ...draft.state, cohorts: { ...draft.state.cohorts, [cohort]: state } };
}

function setStatus(
  draft: Draft,
  version: ModelVersion,
  status: (LineEffect & { type: "setStatus" })["status"],
): void {
  effect(draft, { type: "setStatus", version, status });
}

function storeGate(draft: Draft): void {
  const challenger = current(draft);
  if (challenger.version === null) return;
  effect(draft, { type: "storeGate", version: challenger.version, gate: challenger.gate });
}

function audit(
  draft: Draft,
  action: string,
  subject: string,
  reason: string,
  detail: Readonly<Record<string, unknown>>,
): void {
  const guards = draft.view.policy.guards === "off" ? { guards: "off" } : {};
  effect(draft, {
    type: "audit",
    action,
    actor: draft.actor,
    subject,
    reason,
    detail: { ...detail, ...guards },
  });
}

function effect(draft: Draft, added: LineEffect): void {
  draft.effects.push(added);
}
