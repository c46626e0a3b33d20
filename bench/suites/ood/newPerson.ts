// What happens to a new person, by a real package: how many normal windows are called outliers, and how much of the unknown is found.
import {
  buildReference,
  type Calibration,
  createEvaluator,
  createModelPackage,
  defaultOodInput,
  learningDefaults,
} from "@attune/device-runtime/model";
import { conformalThreshold, type PersonalRule } from "@attune/device-runtime/monitor";
import { unwrap } from "@attune/protocol";
import type { Choice } from "./choice.ts";
import { alpha, type Fate, fateOf, firstWindows, judgeBy, type Life } from "./lives.ts";
import { knownWindows, preprocessing, type RoundModels } from "./roundModel.ts";
import type { Round } from "./rounds.ts";

/** One person's fate under one rule. */
export interface RuledFate extends Fate {
  readonly rule: string;
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
  readonly fates: readonly RuledFate[];
  readonly covered: readonly Covered[];
  readonly calibration: Calibration;
}

/** The rule that a package goes by. */
export const ownRule = "own, shrunk to all (as packaged)";

/** What becomes of a life under the packaged rule and under plain ones. */
export function fatesOf(life: Life, personal: PersonalRule): readonly RuledFate[] {
  const { scores, threshold } = life;
  const isOutlier = judgeBy(life, personal);
  const own = conformalThreshold(scores.subarray(0, firstWindows), alpha).threshold;
  const rules: readonly [string, (at: number) => boolean][] = [
    [ownRule, (at) => isOutlier[at] as boolean],
    ["threshold of other people", (at) => (scores[at] as number) > threshold],
    ["own first 100 windows only", (at) => (scores[at] as number) > own],
    ["always OOD", () => true],
    ["never OOD", () => false],
  ];
  return rules.map(([rule, isFlagged]) => ({ rule, ...fateOf(life, isFlagged) }));
}

/** Lets every person of a round live through their windows in time order. */
export async function meetNewPeople(
  models: RoundModels,
  round: Round,
  { candidate, rule }: Pick<Choice, "candidate" | "rule">,
): Promise<NewPeople> {
  const { runtime } = models;
  const model = await models.model(round, null);
  const { vectors } = defaultOodInput(preprocessing, 0);
  const calibration = unwrap(
    await buildReference({
      model,
      preprocessing,
      fit: knownWindows(round.fit),
      check: knownWindows(round.check),
      runtime,
      ood: {
        alpha,
        method: candidate.method,
        input: { reads: candidate.reads, vectors },
        personal: rule,
        trainWithout: (leftOut) => models.model(round, leftOut),
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
  const fates: RuledFate[] = [];
  const covered: Covered[] = [];
  for (const person of round.exam) {
    const answers = await evaluator.answer(person.windows);
    const life: Life = {
      subject: person.subject,
      scores: Float64Array.from(answers.oodScores),
      isUsual: Array.from(person.labels, (label) => label >= 0),
      population: ood.population,
      threshold: ood.threshold,
    };
    fates.push(...fatesOf(life, ood.personal));
    const isOutlier = judgeBy(life, ood.personal);
    let answered = 0;
    let wrong = 0;
    let wrongOfAll = 0;
    let count = 0;
    const classCount = preprocessing.labels.length;
    for (let at = firstWindows; at < person.labels.length; at++) {
      if ((person.labels[at] as number) < 0) continue;
      count++;
      const answer = answers.classes[at] as number;
      const isWrong = answer !== person.labels[at];
      if (isWrong) wrongOfAll++;
      const confidence = answers.probabilities[at * classCount + answer] as number;
      if (isOutlier[at] === true || confidence < abstention.confidenceMin) continue;
      answered++;
      if (isWrong) wrong++;
    }
    covered.push({ subject: person.subject, answered, wrong, wrongOfAll, count });
  }
  await evaluator.release();
  return { fates, covered, calibration };
}
