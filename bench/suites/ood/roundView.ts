// What the model of one round sees of everybody's windows. It must not score anything.
import {
  compileServing,
  createOodInput,
  createPredictor,
  defaultOodInput,
} from "@attune/device-runtime/model";
import type { OodSamples } from "@attune/device-runtime/monitor";
import { unwrap } from "@attune/protocol";
import { activities, type HaptPerson, windowSize } from "./haptPeople.ts";
import { knownWindows, preprocessing, type RoundModels } from "./roundModel.ts";
import type { Round } from "./rounds.ts";

/** What is unknown: changes of posture, or an activity. */
export type Unknown = "transitions" | number;

/** One person's windows, as the model sees them. */
export interface SeenPerson {
  readonly subject: number;
  readonly samples: OodSamples;
  /** Whether each window is known, unknown, or neither (null): changes of posture are left aside where an activity is unknown. */
  readonly isUsual: readonly (boolean | null)[];
}

/** One round with something unknown. */
export interface RoundView {
  readonly round: Round;
  readonly unknown: Unknown;
  /** The network's features come first, the statistics of the window last. */
  readonly featureCount: number;
  /** Known windows of the people that the model was trained on. */
  readonly fit: OodSamples;
  readonly check: readonly SeenPerson[];
  readonly exam: readonly SeenPerson[];
}

/** Everything that can be unknown, as the table calls it. */
export const unknowns: readonly { readonly unknown: Unknown; readonly key: string }[] = [
  { unknown: "transitions", key: "transitions" },
  ...activities.map((_, label) => ({ unknown: label, key: `class${label}` })),
];

/** Lets the model of a round that has not seen what is unknown see everybody. */
export async function viewRound(
  models: RoundModels,
  round: Round,
  unknown: Unknown,
): Promise<RoundView> {
  const leftOut = unknown === "transitions" ? null : unknown;
  const known = knownWindows(round.fit, leftOut);
  const serving = unwrap(compileServing(await models.model(round, leftOut)));
  const { featureCount, logitCount } = serving;
  const input = createOodInput(
    defaultOodInput(preprocessing, featureCount),
    preprocessing,
    featureCount,
  );
  const predictor = await createPredictor(models.runtime, serving);
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
      // A model of one class less has one class score less.
      classCount: leftOut === null ? logitCount : logitCount - 1,
      features: seen,
      logits: logits.filter((_, at) => at % logitCount !== leftOut),
      labels: labels.map((label) => (leftOut !== null && label > leftOut ? label - 1 : label)),
    };
  };
  const seePerson = async (person: HaptPerson): Promise<SeenPerson> => ({
    subject: person.subject,
    samples: await see(person.windows, person.labels),
    isUsual: Array.from(person.labels, (label) => {
      if (unknown === "transitions") return label >= 0;
      return label < 0 ? null : label !== unknown;
    }),
  });
  try {
    return {
      round,
      unknown,
      featureCount,
      fit: await see(known.windows, known.labels),
      check: await Promise.all(round.check.map(seePerson)),
      exam: await Promise.all(round.exam.map(seePerson)),
    };
  } finally {
    await predictor.release();
  }
}
