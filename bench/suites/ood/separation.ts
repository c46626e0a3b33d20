// How well a score tells what a model does not know: changes of posture, and each activity left out in turn.
import type { OodInputSpec } from "@attune/device-runtime/model";
import {
  auroc,
  createOodScorer,
  fitOodProfile,
  type OodMethod,
  type OodSamples,
} from "@attune/device-runtime/monitor";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { unwrap } from "@attune/protocol";
import type { RoundView, SeenPerson } from "./roundView.ts";

/** A score, and what it looks at. */
export interface Candidate {
  readonly method: OodMethod;
  readonly reads: OodInputSpec["reads"];
}

/** Scores a person's windows. */
export type ScoreOf = (person: SeenPerson) => Float64Array;

/** Fits a candidate on the people of a round whom the model was trained on. */
export function fitCandidate(view: RoundView, { method, reads }: Candidate): ScoreOf {
  const seen = (samples: OodSamples): OodSamples => columnsOf(samples, reads, view.featureCount);
  const profile = unwrap(
    fitOodProfile(seen(view.fit), method, createSeededRandom(`ood profile ${view.round.seed}`)),
  );
  const scorer = createOodScorer(profile);
  return ({ samples }) => {
    const { features, dimension, logits, classCount, labels } = seen(samples);
    return Float64Array.from(labels, (_, at) =>
      scorer.score(features, at * dimension, logits, at * classCount),
    );
  };
}

/** Trivial scores, by name. */
export function trivialScores(view: RoundView): Readonly<Record<string, ScoreOf>> {
  const random = createSeededRandom(`ood guess ${view.round.seed}`);
  return {
    random: ({ samples }) => Float64Array.from(samples.labels, () => random.nextUint32()),
    "always OOD": ({ samples }) => Float64Array.from(samples.labels, () => 1),
  };
}

/** Area of a score over the people who are examined. */
export function separationOf(view: RoundView, scoreOf: ScoreOf): number {
  const groups: Record<"usual" | "unusual", number[]> = { usual: [], unusual: [] };
  for (const person of view.exam) {
    const scores = scoreOf(person);
    person.isUsual.forEach((usual, at) => {
      if (usual !== null) groups[usual ? "usual" : "unusual"].push(scores[at] as number);
    });
  }
  return auroc(groups.usual, groups.unusual);
}

function columnsOf(
  samples: OodSamples,
  reads: Candidate["reads"],
  featureCount: number,
): OodSamples {
  if (reads === "both") return samples;
  const from = reads === "features" ? 0 : featureCount;
  const dimension = reads === "features" ? featureCount : samples.dimension - featureCount;
  const features = new Float32Array(samples.labels.length * dimension);
  for (let row = 0, to = 0; row < samples.labels.length; row++) {
    for (let column = 0; column < dimension; column++, to++) {
      features[to] = samples.features[row * samples.dimension + from + column] as number;
    }
  }
  return { ...samples, dimension, features };
}
