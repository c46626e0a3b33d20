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
  /**
   * A pair is won by the answer that is right where the other is wrong, and where both are right or both wrong by the one that gave
   * the truth a probability higher by more than this. 1 counts right and wrong alone.
   */
  readonly winMargin: number;
  /** Evidence that the challenger is better, at which it is adopted; 20 errs at most once in twenty trials. */
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
   * So many feedbacks in a row make one pair, won by whoever won more of them; 1 counts each. Neighbouring windows err together,
   * and evidence that counts each of them is worth less than it says.
   */
  readonly blockLength: number;
  /** So many feedbacks after each training are not counted: their windows overlap with learned ones. */
  readonly overlapLength: number;
}

/** What one contestant made of a window, now that the truth is known. */
export interface ScoredAnswer {
  readonly isRight: boolean;
  /** Calibrated probability that it gave the truth, `[0, 1]`. */
  readonly truthProbability: number;
}

/** A comparison that runs. */
export interface PairedTrial {
  /** By the policy's `winMargin`. */
  readonly counts: PairedCounts;
  /** The same pairs by right and wrong alone. */
  readonly answers: PairedCounts;
  /** Feedbacks still to be passed over. */
  readonly toSkip: number;
  /** The pair in the making: feedbacks in it, and how many more of them were won than lost, either way of counting. */
  readonly blockCount: number;
  readonly blockLead: number;
  readonly blockAnswersLead: number;
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
      readonly serving: ScoredAnswer;
      readonly shared: ScoredAnswer;
      /** Null when there is no challenger. */
      readonly challenger: ScoredAnswer | null;
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
  /** Of the same pairs those in which one was right more often than the other. */
  readonly answerWins: number;
  readonly answerLosses: number;
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
 * Errs at most once in twenty trials, and takes errors back at half that limit.
 *
 * Chosen on the 21 people of HAPT who are not in its test list, each as somebody whom the model was not trained on, three times over: where
 * adopting everything gains .031 on average and makes 11 of 63 worse, this keeps .030 and makes one worse. By right and wrong
 * alone, every window a pair and a limit of 10, it was .014 and five (docs/adr/0011).
 */
export const defaultGuardPolicy: GuardPolicy = {
  rule: "evidence",
  winMargin: 0.02,
  adoptLimit: 20,
  dropLimit: 10,
  revertLimit: 10,
  afterAdoption: "follow",
  pairsMax: 200,
  blockLength: 2,
  overlapLength: 1,
};

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
    ...(state.challenge === null ? [] : [judge(policy, "challenge", state.challenge)]),
    ...(state.shadow === null ? [] : [judge(policy, "shadow", state.shadow)]),
  ].map((verdict) => ({ ...verdict, verdict: "keep-testing" }));
}

function challengerTrained(policy: GuardPolicy, state: GuardState): GuardStep {
  const toSkip = policy.overlapLength;
  if (policy.rule === "always") {
    const verdict: GuardVerdict = {
      ...judge(policy, "challenge", freshTrial(0)),
      verdict: "adopt",
      reason: "adopted without a test: the policy says always",
    };
    return { state: { serving: "personal", challenge: null, shadow: null }, verdicts: [verdict] };
  }
  if (policy.afterAdoption === "follow" && state.serving === "personal" && state.shadow !== null) {
    const verdict = judge(policy, "challenge", {
      ...state.shadow,
      counts: swapRoles(state.shadow.counts),
      answers: swapRoles(state.shadow.answers),
    });
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
    shadow = scored(policy, shadow, event.shared, event.serving);
    const verdict = judge(policy, "shadow", shadow);
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
  if (event.challenger !== null) {
    challenge ??= freshTrial(0);
    challenge = scored(policy, challenge, event.challenger, event.serving);
    const verdict = judge(policy, "challenge", challenge);
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
  return {
    counts: noPairs,
    answers: noPairs,
    toSkip,
    blockCount: 0,
    blockLead: 0,
    blockAnswersLead: 0,
  };
}

/** Takes one feedback into a comparison. */
function scored(
  policy: GuardPolicy,
  trial: PairedTrial,
  challenger: ScoredAnswer,
  champion: ScoredAnswer,
): PairedTrial {
  if (trial.toSkip > 0) return { ...trial, toSkip: trial.toSkip - 1 };
  const answersLead = Number(challenger.isRight) - Number(champion.isRight);
  const edge = challenger.truthProbability - champion.truthProbability;
  const lead =
    answersLead !== 0 || Math.abs(edge) <= policy.winMargin ? answersLead : Math.sign(edge);
  const blockCount = trial.blockCount + 1;
  const blockLead = trial.blockLead + lead;
  const blockAnswersLead = trial.blockAnswersLead + answersLead;
  if (blockCount < policy.blockLength) {
    return { ...trial, blockCount, blockLead, blockAnswersLead };
  }
  return {
    ...freshTrial(0),
    counts: addPair(trial.counts, blockLead > 0, blockLead < 0),
    answers: addPair(trial.answers, blockAnswersLead > 0, blockAnswersLead < 0),
  };
}

/**
 * What a comparison says.
 *
 * For what a user has taught the model speaks only the tally of the policy, and only while it is not right less often; against it
 * speaks whichever of the two tallies says more. Being surer of the truth where both are right must not pay for errors.
 */
function judge(
  policy: GuardPolicy,
  trial: GuardVerdict["trial"],
  { counts, answers }: Pick<PairedTrial, "counts" | "answers">,
): GuardVerdict {
  const isChallenge = trial === "challenge";
  const limit = isChallenge ? policy.adoptLimit : policy.revertLimit;
  const harmLimit = isChallenge ? policy.dropLimit : policy.revertLimit;
  const { pairsMax } = policy;
  const isRightLess = answers.losses > answers.wins;
  const isRightMore = answers.wins > answers.losses;
  const basis = {
    trial,
    n: counts.n,
    wins: counts.wins,
    losses: counts.losses,
    answerWins: answers.wins,
    answerLosses: answers.losses,
    evidence: isChallenge
      ? betterEvidence(counts)
      : Math.max(betterEvidence(counts), betterEvidence(answers)),
    limit,
    harmEvidence: isChallenge
      ? Math.max(harmEvidence(counts), harmEvidence(answers))
      : harmEvidence(counts),
    harmLimit,
    pairsMax,
  };
  const tally = tallyOf(basis);
  const of = (evidence: number, needed: number): string =>
    `evidence ${evidence.toPrecision(3)} of ${needed}`;
  const isVetoed = isChallenge && isRightLess;
  if (basis.evidence >= limit && !isVetoed && (!isChallenge || policy.rule !== "never")) {
    return {
      ...basis,
      verdict: isChallenge ? "adopt" : "revert",
      reason: `${isChallenge ? "the challenger" : "the shared model"} is better: ${tally}, ${of(basis.evidence, limit)}`,
    };
  }
  if (basis.harmEvidence >= harmLimit && (isChallenge || !isRightMore)) {
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
  const veto = isVetoed
    ? `, but it is right less often: ${answers.wins} times alone against ${answers.losses}`
    : "";
  return {
    ...basis,
    verdict: "keep-testing",
    reason: `waiting: ${tally}, ${of(basis.evidence, limit)}, of harm ${basis.harmEvidence.toPrecision(3)} of ${harmLimit}${veto}`,
  };
}

function tallyOf({ n, wins, losses }: Pick<GuardVerdict, "n" | "wins" | "losses">): string {
  return `${wins} wins and ${losses} losses in ${n} pairs`;
}
