// The batches that a training sees. It must not know where samples come from.
import { Defect } from "@attune/protocol";
import { type ForkableRandom, intBelow, shuffle } from "../../ports/random.ts";
import type { ReplaySample } from "../replay/replayBuffer.ts";

/** Batches of some steps, ready for the engine. */
export interface TrainingDraw {
  readonly stepCount: number;
  readonly batchSize: number;
  /** `(stepCount, batchSize, sampleLength)` row by row. */
  readonly inputs: Float32Array;
  /** `(stepCount, batchSize)`. */
  readonly labels: BigInt64Array;
}

/**
 * Draws the batches of some steps of a training, balanced over the classes that there are.
 *
 * - Shape: `inputs` is `(stepCount, batchSize, sampleLength)`.
 * - Pure, O(samples + stepCount · batchSize · sampleLength).
 *
 * In each batch every class has the same number of places, one more for some when they do not divide evenly. Step `i` depends on the
 * samples, the seed and `i` only, so slices of any length, or a training that was interrupted, see the same batches.
 *
 * @param samples in the same order at every call of one training.
 * @param plan only its batch size counts.
 * @param firstStep the first step to draw, from 0 at the beginning of the training.
 * @param random the training's own stream.
 * @throws {@link Defect} `replay.samples_missing`, `replay.range_invalid`.
 */
export function drawBatches(
  samples: readonly ReplaySample[],
  plan: { readonly batchSize: number },
  firstStep: number,
  stepCount: number,
  random: ForkableRandom,
): TrainingDraw {
  const { batchSize } = plan;
  const sampleLength = samples[0]?.x.length ?? 0;
  if (sampleLength === 0)
    throw new Defect("replay.samples_missing", "there is nothing to train on");
  if (
    ![batchSize, stepCount, firstStep + 1].every((value) => Number.isInteger(value) && value >= 1)
  ) {
    throw new Defect(
      "replay.range_invalid",
      `${stepCount} steps from ${firstStep} with batches of ${batchSize}; all must be whole, the counts 1 or more`,
    );
  }
  const byLabel = new Map<number, ReplaySample[]>();
  for (const sample of samples) {
    const ofLabel = byLabel.get(sample.label);
    if (ofLabel === undefined) byLabel.set(sample.label, [sample]);
    else ofLabel.push(sample);
  }
  const classes = [...byLabel].sort(([a], [b]) => a - b).map(([, ofLabel]) => ofLabel);
  const inputs = new Float32Array(stepCount * batchSize * sampleLength);
  const labels = new BigInt64Array(stepCount * batchSize);
  for (let step = 0; step < stepCount; step++) {
    const draw = random.fork(String(firstStep + step));
    const order = [...classes];
    // Which classes get the places that do not divide evenly.
    shuffle(draw, order);
    for (let place = 0; place < batchSize; place++) {
      const ofClass = order[place % order.length] as ReplaySample[];
      const sample = ofClass[intBelow(draw, ofClass.length)] as ReplaySample;
      const at = step * batchSize + place;
      inputs.set(sample.x, at * sampleLength);
      labels[at] = BigInt(sample.label);
    }
  }
  return { stepCount, batchSize, inputs, labels };
}
