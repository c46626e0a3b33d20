import fc from "fast-check";
import { expect, it } from "vitest";
import { createSeededRandom } from "../../adapters/seededRandom.ts";
import { type Random, uniform } from "../../ports/random.ts";
import { createGuardState } from "./guardState.ts";
import {
  defaultGuardPolicy,
  type GuardEvent,
  type GuardPolicy,
  type GuardState,
  type GuardVerdict,
  guardReport,
  type ScoredAnswer,
  stepGuard,
} from "./localGuard.ts";

const plain: GuardPolicy = {
  ...defaultGuardPolicy,
  winMargin: 1,
  adoptLimit: 20,
  afterAdoption: "test",
  blockLength: 1,
  overlapLength: 0,
};

const answer = (isRight: boolean, truthProbability = isRight ? 0.9 : 0.1): ScoredAnswer => ({
  isRight,
  truthProbability,
});

const feedback = (shared: boolean, serving: boolean, challenger: boolean | null): GuardEvent => ({
  type: "feedbackScored",
  shared: answer(shared),
  serving: answer(serving),
  challenger: challenger === null ? null : answer(challenger),
});
const win = feedback(false, false, true);
const loss = feedback(true, true, false);
const trained: GuardEvent = { type: "challengerTrained" };

function run(
  policy: GuardPolicy,
  events: readonly GuardEvent[],
  from: GuardState = createGuardState(),
): { state: GuardState; verdicts: GuardVerdict[] } {
  let state = from;
  const verdicts: GuardVerdict[] = [];
  for (const event of events) {
    const step = stepGuard(policy, state, event);
    state = step.state;
    verdicts.push(...step.verdicts);
  }
  return { state, verdicts };
}

const times = (count: number, event: GuardEvent): GuardEvent[] =>
  Array.from({ length: count }, () => event);
const adopted = run(plain, [trained, ...times(7, win)]).state;

it("[LC50] a challenger is adopted by the evidence of the feedback, and the verdict tells all of it", () => {
  const six = run(plain, [trained, ...times(6, win)]);
  expect(six.verdicts).toEqual([]);
  const { state, verdicts } = run(plain, [win], six.state);
  expect(verdicts).toEqual([
    {
      verdict: "adopt",
      trial: "challenge",
      n: 7,
      wins: 7,
      losses: 0,
      answerWins: 7,
      answerLosses: 0,
      evidence: 31.875,
      limit: 20,
      harmEvidence: 0.125,
      harmLimit: 10,
      pairsMax: 200,
      reason: "the challenger is better: 7 wins and 0 losses in 7 pairs, evidence 31.9 of 20",
    },
  ]);
  expect(state).toMatchObject({
    serving: "personal",
    challenge: null,
    shadow: { counts: { n: 0 } },
  });
});

it("[LC50] pairs on which both are right or wrong neither help nor harm", () => {
  const both = [feedback(true, true, true), feedback(false, false, false)];
  const { state, verdicts } = run(plain, [
    trained,
    ...times(50, both[0] as GuardEvent),
    ...times(50, both[1] as GuardEvent),
  ]);
  expect(verdicts).toEqual([]);
  expect(guardReport(plain, state)).toMatchObject([
    { verdict: "keep-testing", n: 100, wins: 0, losses: 0, evidence: 1 },
  ]);
  expect(run(plain, times(7, win), state).verdicts).toMatchObject([{ verdict: "adopt", n: 107 }]);
});

/** Both right; the challenger gives the truth so much more. */
const surer = (by: number): GuardEvent => ({
  type: "feedbackScored",
  shared: answer(true, 0.5),
  serving: answer(true, 0.5),
  challenger: answer(true, 0.5 + by),
});
const bySureness: GuardPolicy = { ...plain, winMargin: 0.02 };

it("[LC59] where both are right, being clearly surer of the truth wins; within the margin nobody does", () => {
  expect(run(bySureness, [trained, ...times(7, surer(0.03))]).verdicts).toMatchObject([
    { verdict: "adopt", wins: 7, losses: 0, answerWins: 0, answerLosses: 0 },
  ]);
  const within = [...times(50, surer(0.015)), ...times(50, surer(-0.015))];
  expect(run(bySureness, [trained, ...within]).state.challenge?.counts).toEqual({
    n: 100,
    wins: 0,
    losses: 0,
  });
  expect(run(plain, [trained, ...times(50, surer(0.4))]).verdicts).toEqual([]);
});

it("[LC59] being surer does not pay for errors: a challenger that is right less often is not adopted, and is dropped for it", () => {
  const once = run(bySureness, [trained, loss, ...times(30, surer(0.3))]);
  expect(once.verdicts).toEqual([]);
  const [waiting] = guardReport(bySureness, once.state);
  expect(waiting?.evidence).toBeGreaterThan(20);
  expect(waiting?.reason).toContain("but it is right less often: 0 times alone against 1");
  expect(run(bySureness, [win], once.state).verdicts).toMatchObject([{ verdict: "adopt" }]);
  expect(run(bySureness, times(4, loss), once.state).verdicts).toMatchObject([
    { verdict: "drop", answerLosses: 5, harmEvidence: expect.closeTo(10.5, 9) },
  ]);
});

it("[LC59] the adopted model goes when the shared one is right more often, however sure of the truth it is elsewhere", () => {
  const surePersonal: GuardEvent = {
    type: "feedbackScored",
    shared: answer(true, 0.5),
    serving: answer(true, 0.9),
    challenger: null,
  };
  const sharedBetter = feedback(true, false, null);
  const mixed = [...times(4, sharedBetter), ...times(20, surePersonal), sharedBetter];
  expect(run({ ...bySureness, revertLimit: 10 }, mixed, adopted).verdicts).toMatchObject([
    { verdict: "revert", answerWins: 5, answerLosses: 0 },
  ]);
});

it("[LC51] a challenger is dropped by evidence of harm, or when nothing shows in the most pairs", () => {
  const harmful = run(plain, [trained, ...times(5, loss)]);
  expect(harmful.verdicts).toMatchObject([
    { verdict: "drop", losses: 5, harmEvidence: expect.closeTo(10.5, 9) },
  ]);
  expect(harmful.state).toEqual(createGuardState());
  const idle = run({ ...plain, pairsMax: 30 }, [trained, ...times(30, feedback(true, true, true))]);
  expect(idle.verdicts).toMatchObject([
    {
      verdict: "drop",
      n: 30,
      reason:
        "no difference shown in 30 pairs: 0 wins and 0 losses in 30 pairs, evidence 1.00 of 20",
    },
  ]);
});

it("[LC52] training again between two feedbacks goes on with the same evidence", () => {
  const { verdicts } = run(plain, [trained, ...times(3, win), trained, ...times(4, win)]);
  expect(verdicts).toMatchObject([{ verdict: "adopt", n: 7 }]);
});

it("[LC52] feedback that overlaps with what was just learned is not counted", () => {
  const policy = { ...plain, overlapLength: 2 };
  const { state, verdicts } = run(policy, [trained, ...times(8, win)]);
  expect(verdicts).toEqual([]);
  expect(state.challenge?.counts).toEqual({ n: 6, wins: 6, losses: 0 });
  expect(run(policy, [trained, ...times(3, win)], state).verdicts).toMatchObject([
    { verdict: "adopt", n: 7 },
  ]);
});

it("[LC53] blocks of feedback count once, for whoever was right more often", () => {
  const policy = { ...plain, blockLength: 3 };
  const even = feedback(true, true, true);
  const blocks = [win, loss, win, loss, loss, even, win, loss, even, win, even, even];
  const { state } = run(policy, [trained, ...blocks]);
  expect(state.challenge?.counts).toEqual({ n: 4, wins: 2, losses: 1 });
  expect(run(policy, [trained, ...times(20, win)]).verdicts).toEqual([]);
  expect(run(policy, [trained, ...times(21, win)]).verdicts).toMatchObject([
    { verdict: "adopt", n: 7 },
  ]);
});

it("[LC54] an adopted challenger is taken back when the shared model proves better again", () => {
  const sharedBetter = feedback(true, false, null);
  const { state, verdicts } = run(plain, times(5, sharedBetter), adopted);
  expect(verdicts).toMatchObject([
    { verdict: "revert", trial: "shadow", wins: 5, losses: 0, limit: 10 },
  ]);
  expect(state).toEqual(createGuardState());
});

it("[LC54] a long good time does not hide a later bad one", () => {
  const good = feedback(false, true, null);
  const bad = feedback(true, false, null);
  const { state, verdicts } = run(plain, [...times(500, good)], adopted);
  expect(new Set(verdicts.map(({ verdict }) => verdict))).toEqual(new Set(["confirm"]));
  const turned = run(plain, times(15, bad), state);
  expect(turned.verdicts.map(({ verdict }) => verdict)).toContain("revert");
});

it("[LC54] a shadow in which nothing shows begins again without a word", () => {
  const policy = { ...plain, pairsMax: 20 };
  const { state, verdicts } = run(policy, times(45, feedback(true, true, null)), adopted);
  expect(verdicts).toEqual([]);
  expect(state.shadow?.counts.n).toBe(5);
});

it("[LC54] when the adopted model goes, a challenger's comparison with it goes too", () => {
  const both = feedback(true, false, true);
  const { state, verdicts } = run(plain, [trained, ...times(5, both)], adopted);
  expect(verdicts).toMatchObject([{ verdict: "revert" }]);
  expect(state.challenge?.counts.n).toBe(0);
});

it("[LC58] further trainings of an adopted sequence answer at once, while the shared model goes on testing them", () => {
  const follow: GuardPolicy = { ...plain, afterAdoption: "follow", overlapLength: 1 };
  const good = feedback(false, true, null);
  const followed = run(follow, [good, good, good, trained], adopted);
  expect(followed.verdicts).toMatchObject([
    {
      verdict: "adopt",
      trial: "challenge",
      n: 3,
      wins: 3,
      losses: 0,
      reason:
        "follows the adopted sequence: 3 wins and 0 losses in 3 pairs against the shared model since its last verdict",
    },
  ]);
  expect(followed.state).toMatchObject({
    serving: "personal",
    challenge: null,
    shadow: { toSkip: 1, counts: { n: 3, wins: 0, losses: 3 } },
  });
  // The first feedback after a training overlaps with it and does not count.
  const bad = feedback(true, false, null);
  const turned = run(follow, [trained, ...times(6, bad)], adopted);
  expect(turned.verdicts.map(({ verdict }) => verdict)).toEqual(["adopt", "revert"]);
  // What was taken back is a new challenger when it is trained again.
  expect(run(follow, [trained], turned.state).state.challenge?.counts.n).toBe(0);
});

it("[LC55] another shared version begins every comparison again", () => {
  const half = run(plain, [trained, ...times(4, win)], adopted).state;
  expect(run(plain, [{ type: "sharedReplaced", serving: "shared" }], half).state).toEqual(
    createGuardState(),
  );
  expect(run(plain, [{ type: "sharedReplaced", serving: "personal" }], half).state).toMatchObject({
    serving: "personal",
    challenge: null,
    shadow: { counts: { n: 0 } },
  });
});

it("[LC56] never adopts nothing and still drops; always adopts every training and reverts nothing", () => {
  const never = run({ ...plain, rule: "never" }, [trained, ...times(100, win)]);
  expect(never.verdicts).toEqual([]);
  expect(never.state.serving).toBe("shared");
  expect(run({ ...plain, rule: "never" }, [trained, ...times(5, loss)]).verdicts).toMatchObject([
    { verdict: "drop" },
  ]);
  const always = run({ ...plain, rule: "always" }, [
    trained,
    ...times(50, feedback(true, false, null)),
    trained,
  ]);
  expect(always.verdicts).toMatchObject([
    { verdict: "adopt", n: 0 },
    { verdict: "adopt", n: 0 },
  ]);
  expect(always.state.serving).toBe("personal");
});

/** Feedback on a challenger that wins a share of `wins` and loses a share of `losses`. */
function drawn(random: Random, wins: number, losses: number): GuardEvent {
  const u = uniform(random);
  return u < wins ? win : u < wins + losses ? loss : feedback(true, true, true);
}

it("[LC57] a sequence of challengers that are no better is adopted in at most 1 of limit trials", () => {
  const random = createSeededRandom("guard null");
  const trials = 1500;
  let adoptions = 0;
  for (let trial = 0; trial < trials; trial++) {
    const events = [trained, ...Array.from({ length: 200 }, () => drawn(random, 0.1, 0.1))];
    if (run(plain, events).verdicts[0]?.verdict === "adopt") adoptions++;
  }
  expect(adoptions / trials).toBeLessThan(1 / 20);
});

it("[LC57] how much feedback a real gain takes: ten points within 200 pairs mostly, four points seldom", () => {
  const random = createSeededRandom("guard power");
  const share = (wins: number, losses: number): number => {
    let adoptions = 0;
    for (let trial = 0; trial < 200; trial++) {
      const events = [trained, ...Array.from({ length: 200 }, () => drawn(random, wins, losses))];
      if (run(plain, events).verdicts[0]?.verdict === "adopt") adoptions++;
    }
    return adoptions / 200;
  };
  expect(share(0.12, 0.02)).toBeGreaterThan(0.9);
  expect(share(0.06, 0.02)).toBeLessThan(0.7);
});

it("[LC50] the guard's state is plain data: stopped anywhere it goes on the same", () => {
  const event = fc.oneof(
    fc.constant(trained),
    fc
      .tuple(fc.boolean(), fc.boolean(), fc.option(fc.boolean()))
      .map(([a, b, c]) => feedback(a, b, c)),
    fc.constantFrom<GuardEvent>(
      { type: "sharedReplaced", serving: "shared" },
      { type: "sharedReplaced", serving: "personal" },
    ),
  );
  const policy = {
    ...plain,
    blockLength: 2,
    overlapLength: 1,
    pairsMax: 15,
    adoptLimit: 3,
    dropLimit: 3,
    revertLimit: 3,
  };
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), fc.nat(80), (events, cut) => {
      const whole = run(policy, events);
      const first = run(policy, events.slice(0, cut));
      const rest = run(policy, events.slice(cut), structuredClone(first.state));
      expect(rest.state).toEqual(whole.state);
      expect([...first.verdicts, ...rest.verdicts]).toEqual(whole.verdicts);
      expect(whole.state.shadow === null).toBe(whole.state.serving === "shared");
    }),
  );
});
