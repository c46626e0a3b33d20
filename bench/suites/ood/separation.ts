// How well each score tells what a model does not know: changes of posture, and each activity left out in turn.
import {
  compileServing,
  createOodInput,
  createPredictor,
  defaultOodInput,
  type OrtRuntime,
} from "@attune/device-runtime/model";
import {
  auroc,
  createOodScorer,
  fitOodProfile,
  type OodKind,
  type OodMethod,
  type OodSamples,
} from "@attune/device-runtime/monitor";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { unwrap } from "@attune/protocol";
import { activities, type HaptPerson, windowSize } from "./haptPeople.ts";
import { knownWindows, preprocessing, trainRoundModel } from "./roundModel.ts";
import type { Round } from "./rounds.ts";

/** What is unknown: changes of posture, or an activity. */
export type Unknown = "transitions" | number;

/** A contestant: a score, or one that knows nothing. */
export type Contestant = OodKind | "random" | "always OOD";

/** Area of every contestant in one round. */
export async function separate(
  runtime: OrtRuntime,
  round: Round,
  unknown: Unknown,
  methods: readonly OodMethod[],
): Promise<ReadonlyMap<Contestant, number>> {
  const leftOut = unknown === "transitions" ? null : unknown;
  const known = knownWindows(round.fit, leftOut);
  const model = await trainRoundModel(runtime, known, `${round.seed} ${unknown}`);
  const serving = unwrap(compileServing(model));
  const { featureCount, logitCount } = serving;
  const input = createOodInput(
    defaultOodInput(preprocessing, featureCount),
    preprocessing,
    featureCount,
  );
  const predictor = await createPredictor(runtime, serving);
  // A model of one class less has one class score less.
  const classCount = leftOut === null ? logitCount : logitCount - 1;
  const see = async (windows: Float32Array, labels: Int32Array): Promise<OodSamples> => {
    const count = labels.length;
    const logits = new Float32Array(count * logitCount);
    const features = new Float32Array(count * featureCount);
    await predictor.predict(windows, count, [], { logits, features });
    const seen = new Float32Array(count * input.length);
    for (let at = 0; at < count; at++) {
      input.fill(windows, at * windowSize, features, at * featureCount, seen, at * input.length);
    }
    return {
      dimension: input.length,
      classCount,
      features: seen,
      logits: logits.filter((_, at) => at % logitCount !== leftOut),
      labels: labels.map((label) => (leftOut !== null && label > leftOut ? label - 1 : label)),
    };
  };
  const fitted = await see(known.windows, known.labels);
  const exam = await Promise.all(
    round.exam.map(async (person) => ({
      isUsual: usualOf(person, unknown),
      samples: await see(person.windows, person.labels),
    })),
  );
  await predictor.release();

  const areas = new Map<Contestant, number>();
  const areaOf = (scoreOf: (samples: OodSamples, at: number) => number): number => {
    const groups: Record<"usual" | "unusual", number[]> = { usual: [], unusual: [] };
    for (const { isUsual, samples } of exam) {
      isUsual.forEach((usual, at) => {
        if (usual !== null) groups[usual ? "usual" : "unusual"].push(scoreOf(samples, at));
      });
    }
    return auroc(groups.usual, groups.unusual);
  };
  for (const method of methods) {
    const profile = unwrap(
      fitOodProfile(fitted, method, createSeededRandom(`ood profile ${round.seed}`)),
    );
    const scorer = createOodScorer(profile);
    const area = areaOf(({ features, dimension, logits }, at) =>
      scorer.score(features, at * dimension, logits, at * classCount),
    );
    areas.set(method.kind, area);
  }
  const random = createSeededRandom(`ood guess ${round.seed}`);
  areas.set(
    "random",
    areaOf(() => random.nextUint32()),
  );
  areas.set(
    "always OOD",
    areaOf(() => 1),
  );
  return areas;
}

/** Whether each window is known, unknown, or neither: changes of posture are left aside where an activity is unknown. */
function usualOf({ labels }: HaptPerson, unknown: Unknown): readonly (boolean | null)[] {
  return Array.from(labels, (label) => {
    if (unknown === "transitions") return label >= 0;
    return label < 0 ? null : label !== unknown;
  });
}

/** Everything that can be unknown, as the table calls it. */
export const unknowns: readonly { readonly unknown: Unknown; readonly key: string }[] = [
  { unknown: "transitions", key: "transitions" },
  ...activities.map((_, label) => ({ unknown: label, key: `class${label}` })),
];
