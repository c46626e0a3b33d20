// Chooses all settings of a score and of its calibration by a rule, on rounds that are handed in. It must not see who judges the choice.
import {
  defaultPersonalRule,
  type OodMethod,
  type OodSamples,
  oodMethods,
  type PersonalRule,
} from "@attune/device-runtime/monitor";
import { activities } from "./haptPeople.ts";
import { fateOf, firstWindows, foundOf, judgeBy, type Life, livesOf } from "./lives.ts";
import { mean } from "./mean.ts";
import type { RoundView, SeenPerson } from "./roundView.ts";
import { type Candidate, fitCandidate, separationOf } from "./separation.ts";

/** What was chosen, and why. */
export interface Choice {
  readonly candidate: Candidate;
  readonly rule: PersonalRule;
  /** Activities that a score can tell at all. */
  readonly toldClasses: readonly number[];
}

/** What packages do when nothing else is said. */
export const defaultChoice: Pick<Choice, "candidate" | "rule"> = {
  candidate: { method: { kind: "combined" }, reads: "both" },
  rule: defaultPersonalRule,
};

/** A class that no score tells by this area is no reason to prefer one: a package lists it as inseparable. */
const toldMin = 0.8;
/** The bars are .06 and .12; what is chosen keeps a sixth below them where it is chosen. */
const flaggedMeanMax = 0.05;
const flaggedWorstMax = 0.1;

/** Settings of distances, and the values that are tried beside the default, one setting after the other. Those that a score has not are skipped. */
const settings: readonly (readonly [string, readonly number[]])[] = [
  ["neighbours", [3, 10]],
  ["referencesMax", [60, 120]],
  ["lengthWeight", [0, 1]],
  ["shrinkage", [0.1]],
  ["relativeWeight", [0.5, 2]],
];
const settingsOf: Partial<Record<OodMethod["kind"], readonly string[]>> = {
  combined: ["neighbours", "referencesMax", "lengthWeight", "shrinkage", "relativeWeight"],
  knn: ["neighbours", "referencesMax", "lengthWeight", "shrinkage"],
  mahalanobis: ["shrinkage"],
  relativeMahalanobis: ["shrinkage"],
};

const product = <A, B>(many: readonly A[], others: readonly B[]): readonly (A & B)[] =>
  many.flatMap((one) => others.map((other) => ({ ...one, ...other })));

/** Every rule that may be chosen; with a weight of 1 an outlier is a window like any other. */
const rules: readonly PersonalRule[] = product(
  product(
    [6, 25, 50, 100, 200].map((priorCount) => ({ priorCount, baselineWindows: firstWindows })),
    [300, 1000].map((halfLifeWindows) => ({ halfLifeWindows })),
  ),
  [
    { commonShare: 1, commonWeight: 1 },
    ...product(
      [0.06, 0.08, 0.1, 0.12].map((commonShare) => ({ commonShare })),
      [4, 8].map((commonWeight) => ({ commonWeight })),
    ),
  ],
);

/** Chooses on rounds in which everything that can be unknown is. */
export function choose(views: readonly RoundView[]): Choice {
  const { candidate, toldClasses } = chooseCandidate(views.map(everyOther));
  const lives = views.flatMap((view) =>
    view.unknown === "transitions" || toldClasses.includes(view.unknown)
      ? [{ unknown: view.unknown, lives: livesOf(view, fitCandidate(view, candidate)) }]
      : [],
  );
  return { candidate, toldClasses, rule: chooseRule(lives) };
}

/**
 * The score that separates best: the area of changes of posture and the mean area of the classes that any score can tell, alike. First which score,
 * then what it looks at, then its settings in order.
 */
function chooseCandidate(views: readonly RoundView[]): Pick<Choice, "candidate" | "toldClasses"> {
  const areaOf = (candidate: Candidate, unknown: RoundView["unknown"]): number =>
    mean(
      views
        .filter((view) => view.unknown === unknown)
        .map((view) => separationOf(view, fitCandidate(view, candidate))),
    );
  const first = oodMethods.map((method): Candidate => ({ method, reads: "both" }));
  const classAreas = first.map((candidate) =>
    activities.map((_, label) => areaOf(candidate, label)),
  );
  const toldClasses = activities.flatMap((_, label) =>
    classAreas.some((areas) => (areas[label] as number) >= toldMin) ? [label] : [],
  );
  const worthOf = (transitions: number, classes: readonly number[]): number =>
    (transitions + mean(classes)) / 2;
  let best = { candidate: first[0] as Candidate, worth: Number.NEGATIVE_INFINITY };
  const keepBetter = (candidate: Candidate, worth: number): void => {
    if (worth > best.worth) best = { candidate, worth };
  };
  first.forEach((candidate, at) => {
    const areas = toldClasses.map((label) => classAreas[at]?.[label] as number);
    keepBetter(candidate, worthOf(areaOf(candidate, "transitions"), areas));
  });
  const attempt = (candidate: Candidate): void =>
    keepBetter(
      candidate,
      worthOf(
        areaOf(candidate, "transitions"),
        toldClasses.map((label) => areaOf(candidate, label)),
      ),
    );
  for (const reads of ["features", "statistics"] as const) attempt({ ...best.candidate, reads });
  for (const [name, values] of settings) {
    const { candidate } = best;
    if (settingsOf[candidate.method.kind]?.includes(name) !== true) continue;
    for (const value of values) {
      attempt({ ...candidate, method: { ...candidate.method, [name]: value } });
    }
  }
  return { candidate: best.candidate, toldClasses };
}

/** The rule that finds most of the unknown among those that call few known windows outliers; where none does, the one that is fairest to the worst person. */
function chooseRule(
  groups: readonly { readonly unknown: RoundView["unknown"]; readonly lives: readonly Life[] }[],
): PersonalRule {
  const judged = rules.map((rule) => {
    const fates = groups.map(({ unknown, lives }) => ({
      unknown,
      fates: lives.map((life) => {
        const isFlagged = judgeBy(life, rule);
        return fateOf(life, (at) => isFlagged[at] as boolean);
      }),
    }));
    const byUnknown = Map.groupBy(fates, ({ unknown }) => unknown);
    const found = (unknown: RoundView["unknown"]): number =>
      foundOf((byUnknown.get(unknown) ?? []).flatMap((one) => one.fates));
    const flagged = (byUnknown.get("transitions") ?? []).flatMap((one) =>
      one.fates.map((fate) => fate.flagged),
    );
    const classes = [...byUnknown.keys()].filter((unknown) => unknown !== "transitions");
    return {
      rule,
      worst: Math.max(...flagged),
      isFair: mean(flagged) <= flaggedMeanMax && Math.max(...flagged) <= flaggedWorstMax,
      found: (found("transitions") + mean(classes.map(found))) / 2,
    };
  });
  const fair = judged.filter(({ isFair }) => isFair);
  const best =
    fair.length > 0
      ? fair.reduce((a, b) => (b.found > a.found ? b : a))
      : judged.reduce((a, b) => (b.worst < a.worst ? b : a));
  return best.rule;
}

/** Windows overlap by half: every other one says nearly as much, in a quarter of the time. */
function everyOther(view: RoundView): RoundView {
  const half = (person: SeenPerson): SeenPerson => ({
    ...person,
    samples: thinned(person.samples),
    isUsual: person.isUsual.filter((_, at) => at % 2 === 0),
  });
  return { ...view, fit: thinned(view.fit), exam: view.exam.map(half) };
}

function thinned(samples: OodSamples): OodSamples {
  const { dimension, classCount } = samples;
  const rows = (values: ArrayLike<number>, width: number): Float32Array =>
    Float32Array.from(values).filter((_, at) => Math.floor(at / width) % 2 === 0);
  return {
    ...samples,
    features: rows(samples.features, dimension),
    logits: rows(samples.logits, classCount),
    labels: Int32Array.from(samples.labels).filter((_, at) => at % 2 === 0),
  };
}
