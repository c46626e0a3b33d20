// What happens to a new person: how many normal windows are called outliers, and how many changes of posture are found.
import {
  buildReference,
  type Calibration,
  createEvaluator,
  createModelPackage,
  learningDefaults,
  type OrtRuntime,
} from "@attune/device-runtime/model";
import {
  conformalThreshold,
  createUserCalibration,
  type OodMethod,
} from "@attune/device-runtime/monitor";
import { unwrap } from "@attune/protocol";
import type { HaptPerson } from "./haptPeople.ts";
import { knownWindows, preprocessing, trainRoundModel } from "./roundModel.ts";
import type { Round } from "./rounds.ts";

/** One person's fate under one rule, after the first windows. */
export interface Fate {
  readonly rule: string;
  readonly subject: number;
  /** Share of windows of known activities that were called outliers. */
  readonly flagged: number;
  readonly found: number;
  readonly transitionCount: number;
}

/** How the stated coverage held. */
export interface Covered {
  readonly subject: number;
  readonly answered: number;
  readonly wrong: number;
  readonly wrongOfAll: number;
  readonly count: number;
}

/** What one round showed. */
export interface NewPeople {
  readonly fates: readonly Fate[];
  readonly covered: readonly Covered[];
  readonly calibration: Calibration;
}

/** Windows at the beginning that are not counted. */
const firstWindows = 100;

/** Lets every person of a round live through their windows in time order. */
export async function meetNewPeople(
  runtime: OrtRuntime,
  round: Round,
  method: OodMethod,
): Promise<NewPeople> {
  const fit = knownWindows(round.fit);
  const model = await trainRoundModel(runtime, fit, `${round.seed} transitions`);
  const calibration = unwrap(
    await buildReference({
      model,
      preprocessing,
      fit,
      check: knownWindows(round.check),
      runtime,
      ood: {
        method,
        trainWithout: (leftOut) =>
          trainRoundModel(runtime, knownWindows(round.fit, leftOut), `${round.seed} ${leftOut}`),
      },
    }),
  );
  const modelPackage = unwrap(
    createModelPackage({
      line: "hapt",
      model,
      preprocessing,
      calibration,
      learning: learningDefaults(),
    }),
  );
  const evaluator = unwrap(await createEvaluator(modelPackage, runtime));
  const { ood, abstention } = calibration;
  const onFit = conformalThreshold((await evaluator.answer(fit.windows)).oodScores, ood.alpha);
  const fates: Fate[] = [];
  const covered: Covered[] = [];
  for (const person of round.exam) {
    const answers = await evaluator.answer(person.windows);
    const scores = answers.oodScores;
    const own = conformalThreshold(scores.subarray(0, firstWindows), ood.alpha).threshold;
    const user = createUserCalibration(ood.population, ood.alpha, ood.personal);
    const pValues = Array.from(scores, (score) => user.observe(score));
    const rules: readonly [string, (at: number) => boolean][] = [
      ["own, shrunk to all (default)", (at) => (pValues[at] as number) <= ood.alpha],
      ["threshold of other people", (at) => (scores[at] as number) > ood.threshold],
      ["threshold of the training windows", (at) => (scores[at] as number) > onFit.threshold],
      ["own first 100 windows only", (at) => (scores[at] as number) > own],
      ["always OOD", () => true],
      ["never OOD", () => false],
    ];
    for (const [rule, isFlagged] of rules) fates.push(fateOf(person, rule, isFlagged));
    let answered = 0;
    let wrong = 0;
    let wrongOfAll = 0;
    let count = 0;
    const classCount = preprocessing.labels.length;
    for (let at = firstWindows; at < scores.length; at++) {
      if ((person.labels[at] as number) < 0) continue;
      count++;
      const answer = answers.classes[at] as number;
      const isWrong = answer !== person.labels[at];
      if (isWrong) wrongOfAll++;
      const confidence = answers.probabilities[at * classCount + answer] as number;
      if ((pValues[at] as number) <= ood.alpha || confidence < abstention.confidenceMin) continue;
      answered++;
      if (isWrong) wrong++;
    }
    covered.push({ subject: person.subject, answered, wrong, wrongOfAll, count });
  }
  await evaluator.release();
  return { fates, covered, calibration };
}

function fateOf(person: HaptPerson, rule: string, isFlagged: (at: number) => boolean): Fate {
  let known = 0;
  let flagged = 0;
  let found = 0;
  let transitionCount = 0;
  for (let at = firstWindows; at < person.labels.length; at++) {
    const isKnown = (person.labels[at] as number) >= 0;
    if (isKnown) known++;
    else transitionCount++;
    if (!isFlagged(at)) continue;
    if (isKnown) flagged++;
    else found++;
  }
  return { rule, subject: person.subject, flagged: flagged / known, found, transitionCount };
}
