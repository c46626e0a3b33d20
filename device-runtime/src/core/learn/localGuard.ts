// Adopts what a device has learned only on evidence, and takes it back on evidence. It must not train, predict or hold parameters.

import type { PairedCounts } from "@attune/protocol";
import { addPair, noPairs, swapRoles } from "./pairedCounts.ts";
import { betterEvidence, harmEvidence } from "./pairedEvidence.ts";

/** How the guard judges; plain data of a model package. */
export interface GuardPolicy {
  /**
   * `evidence` is the guard. `never` adopts nothing and `always` adopts every training at once: both are there to be compared
   * with, in experiments.
   */
  readonly rule: "evidence" | "never" | "always";
  /** Evidence that the challenger is better, at which it is adopted; 10 errs at most once in ten trials. */
  readonly adoptLimit: number;
  /** Evidence that the challenger is worse, at which it is dropped. */
  readonly dropLimit: number;
  /** Evidence that the shared model is better than the adopted one, at which it comes back. */
  readonly revertLimit: number;
  /**
   * What becomes of further trainings once a sequence of them is adopted. `follow`: each answers at once, because it was the
   * sequence that proved better, and the shared model goes on testing it from the shadow. `test`: each has to prove itself again.
   */
  readonly afterAdoption: "follow" | "test";
  /** Pairs without a verdict, after which a challenger is dropped. */
  readonly pairsMax: number;
  /**
   * So many feedbacks in a row make one pair, won by whoever was right more often; 1 counts each. Neighbouring windows err
   * together, and evidence that counts each of them is worth less than it says.
   */
  readonly blockLength: number;
  /** So many feedbacks after each training are not counted: their windows overlap with learned ones. */
  readonly overlapLength: number;
}

/** A comparison that runs. */
export interface PairedTrial {
  readonly counts: PairedCounts;
  /** Feedbacks still to be passed over. */
  readonly toSkip: number;
  /** The pair in the making: feedbacks in it, and who was right alone how often. */
  readonly blockCount: number;
  readonly blockWins: number;
  readonly blockLosses: number;
}

/** All that the guard remembers; plain data. */
export interface GuardState {
  /** What answers. */
  readonly serving: "shared" | "personal";
  /** The challenger against what answers. */
  readonly challenge: PairedTrial | null;
  /** The shared model against the personal one that answers. */
  readonly shadow: PairedTrial | null;
}

/** What happens to the guard. */
export type GuardEvent =
  /** There is a challenger, or it was trained further; the evidence of the sequence goes on. */
  | { readonly type: "challengerTrained" }
  /** A late truth, **before** anything is learned from it. */
  | {
      readonly type: "feedbackScored";
      readonly servingCorrect: boolean;
      readonly sharedCorrect: boolean;
      /** Null when there is no challenger. */
      readonly challengerCorrect: boolean | null;
    }
  /** Another shared ModelVersion, or other personal parameters: every comparison starts again. */
  | { readonly type: "sharedReplaced"; readonly serving: "shared" | "personal" };

/** A judgement with everything that it rests on. */
export interface GuardVerdict {
  /**
   * `adopt` the challenger, `drop` it, `revert` to the shared model, `confirm` that the personal one does better than it, or
   * `keep-testing`.
   */
  readonly verdict: "adopt" | "drop" | "revert" | "confirm" | "keep-testing";
  /** Which comparison. In `shadow` the shared model is the one that wins and loses. */
  readonly trial: "challenge" | "shadow";
  /** Pairs, and how many of them were won and lost. */
  readonly n: number;
  readonly wins: number;
  readonly losses: number;
  /** That the challenger (in `shadow`: the shared model) is better, and the limit for that. */
  readonly evidence: number;
  readonly limit: number;
  /** That it is worse, and the limit for that. */
  readonly harmEvidence: number;
  readonly harmLimit: number;
  readonly pairsMax: number;
  /** In words, for a person. */
  readonly reason: string;
}

/** What {@link stepGuard} returns. */
export interface GuardStep {
  readonly state: GuardState;
  /** In the order in which they are to be carried out; empty mostly. */
  readonly verdicts: readonly GuardVerdict[];
}

/**
 * Errs at most once in ten trials, and takes errors back at the same limit.
 *
 * With some 170 labelled windows a person, trainings every 8 of them, and a linear model of 36 features on HAPT's 30 people,
 * each left out once, a limit of 10 kept .016 of the .031 that adopting everything gains on average, a limit of 20 kept .010;
 * without following the adopted sequence they were .014 and .003.
 */
export const defaultGuardPolicy: GuardPolicy = {
  rule: "evidence",
  adoptLimit: 10,
  dropLimit: 10,
  revertLimit: 10,
  afterAdoption: "follow",
  pairsMax: 200,
  blockLength: 1,
  overlapLength: 1,
};

/** A guard of a user for whom the shared model answers and nothing was learned. */
export function createGuardState(): GuardState {
  return { serving: "shared", challenge: null, shadow: null };
}

/**
 * Takes one event.
 *
 * - Pure, O(pairs) at worst.
 *
 * The challenger is tested prequentially: on every feedback, each one before it is learned. It may be trained again between two
 * feedbacks; what is tested is the sequence, so the chance of ever adopting a sequence that is never better than what answers is at most
 * `1 / adoptLimit` per trial. After an adoption the shared model stays in shadow, and the same test, the other way round,
 * brings it back; whenever that test has shown the opposite, or nothing for `pairsMax` pairs, it starts again, so that a long good time does
 * not hide a later bad one.
 */
export function stepGuard(policy: GuardPolicy, state: GuardState, event: GuardEvent): GuardStep {
  switch (event.type) {
    case "sharedReplaced":
      return {
        state: {
          serving: event.serving,
          challenge: null,
          shadow: event.serving === "personal" ? freshTrial(0) : null,
        },
        verdicts: [],
      };
    case "challengerTrained":
      return challengerTrained(policy, state);
    case "feedbackScored":
      return feedbackScored(policy, state, event);
  }
}

/** What is being tested now: one `keep-testing` verdict per comparison that runs. */
export function guardReport(policy: GuardPolicy, state: GuardState): readonly GuardVerdict[] {
  return [
    ...(state.challenge === null ? [] : [judge(policy, "challenge", state.challenge.counts)]),
    ...(state.shadow === null ? [] : [judge(policy, "shadow", state.shadow.counts)]),
  ].map((verdict) => ({ ...verdict, verdict: "keep-testing" }));
}

function challengerTrained(policy: GuardPolicy, state: GuardState): GuardStep {
  const toSkip = policy.overlapLength;
  if (policy.rule === "always") {
    const verdict: GuardVerdict = {
      ...judge(policy, "challenge", noPairs),
      verdict: "adopt",
      reason: "adopted without a test: the policy says always",
    };
    return { state: { serving: "personal", challenge: null, shadow: null }, verdicts: [verdict] };
  }
  if (policy.afterAdoption === "follow" && state.serving === "personal" && state.shadow !== null) {
    const verdict = judge(policy, "challenge", swapRoles(state.shadow.counts));
    const following: GuardVerdict = {
      ...verdict,
      verdict: "adopt",
      reason: `follows the adopted sequence: ${tallyOf(verdict)} against the shared model since its last verdict`,
    };
    return { state: { ...state, shadow: { ...state.shadow, toSkip } }, verdicts: [following] };
  }
  const challenge = { ...(state.challenge ?? freshTrial(0)), toSkip };
  return { state: { ...state, challenge }, verdicts: [] };
}

function feedbackScored(
  policy: GuardPolicy,
  state: GuardState,
  event: Extract<GuardEvent, { type: "feedbackScored" }>,
): GuardStep {
  const verdicts: GuardVerdict[] = [];
  let { serving, challenge, shadow } = state;
  if (shadow !== null) {
    shadow = scored(policy, shadow, event.sharedCorrect, event.servingCorrect);
    const verdict = judge(policy, "shadow", shadow.counts);
    if (verdict.verdict !== "keep-testing") verdicts.push(verdict);
    if (verdict.verdict === "revert") {
      // What the challenger was compared with no longer answers.
      return {
        state: {
          serving: "shared",
          challenge: challenge && freshTrial(challenge.toSkip),
          shadow: null,
        },
        verdicts,
      };
    }
    if (verdict.verdict === "confirm" || verdict.n >= policy.pairsMax) shadow = freshTrial(0);
  }
  if (event.challengerCorrect !== null) {
    challenge ??= freshTrial(0);
    challenge = scored(policy, challenge, event.challengerCorrect, event.servingCorrect);
    const verdict = judge(policy, "challenge", challenge.counts);
    if (verdict.verdict !== "keep-testing") {
      verdicts.push(verdict);
      challenge = null;
    }
    if (verdict.verdict === "adopt") {
      serving = "personal";
      shadow = freshTrial(0);
    }
  }
  return { state: { serving, challenge, shadow }, verdicts };
}

function freshTrial(toSkip: number): PairedTrial {
  return { counts: noPairs, toSkip, blockCount: 0, blockWins: 0, blockLosses: 0 };
}

/** Takes one feedback into a comparison. */
function scored(
  policy: GuardPolicy,
  trial: PairedTrial,
  isChallengerCorrect: boolean,
  isChampionCorrect: boolean,
): PairedTrial {
  if (trial.toSkip > 0) return { ...trial, toSkip: trial.toSkip - 1 };
  const blockCount = trial.blockCount + 1;
  const blockWins = trial.blockWins + (isChallengerCorrect && !isChampionCorrect ? 1 : 0);
  const blockLosses = trial.blockLosses + (isChampionCorrect && !isChallengerCorrect ? 1 : 0);
  if (blockCount < policy.blockLength) return { ...trial, blockCount, blockWins, blockLosses };
  return {
    ...freshTrial(0),
    counts: addPair(trial.counts, blockWins > blockLosses, blockLosses > blockWins),
  };
}

function judge(
  policy: GuardPolicy,
  trial: GuardVerdict["trial"],
  counts: PairedCounts,
): GuardVerdict {
  const isChallenge = trial === "challenge";
  const limit = isChallenge ? policy.adoptLimit : policy.revertLimit;
  const harmLimit = isChallenge ? policy.dropLimit : policy.revertLimit;
  const { pairsMax } = policy;
  const basis = {
    trial,
    n: counts.n,
    wins: counts.wins,
    losses: counts.losses,
    evidence: betterEvidence(counts),
    limit,
    harmEvidence: harmEvidence(counts),
    harmLimit,
    pairsMax,
  };
  const tally = tallyOf(basis);
  const of = (evidence: number, needed: number): string =>
    `evidence ${evidence.toPrecision(3)} of ${needed}`;
  if (basis.evidence >= limit && (!isChallenge || policy.rule !== "never")) {
    return {
      ...basis,
      verdict: isChallenge ? "adopt" : "revert",
      reason: `${isChallenge ? "the challenger" : "the shared model"} is better: ${tally}, ${of(basis.evidence, limit)}`,
    };
  }
  if (basis.harmEvidence >= harmLimit) {
    return {
      ...basis,
      verdict: isChallenge ? "drop" : "confirm",
      reason: `${isChallenge ? "the challenger" : "the shared model"} is worse: ${tally}, ${of(basis.harmEvidence, harmLimit)}`,
    };
  }
  if (isChallenge && basis.n >= pairsMax) {
    return {
      ...basis,
      verdict: "drop",
      reason: `no difference shown in ${pairsMax} pairs: ${tally}, ${of(basis.evidence, limit)}`,
    };
  }
  return {
    ...basis,
    verdict: "keep-testing",
    reason: `waiting: ${tally}, ${of(basis.evidence, limit)}, of harm ${basis.harmEvidence.toPrecision(3)} of ${harmLimit}`,
  };
}

function tallyOf({ n, wins, losses }: Pick<GuardVerdict, "n" | "wins" | "losses">): string {
  return `${wins} wins and ${losses} losses in ${n} pairs`;
}
