// The 36 plain features of a window, as the HAPT folder ships them. For linear floors and for tests; devices do not use them.

import { assertDefect } from "@attune/protocol";
import { CHANNEL_COUNT, WINDOW_SAMPLES, WINDOW_SIZE } from "../people/inertialWindow.ts";

/** How many features a window has: mean, deviation, minimum, maximum and mean step of 6 channels, and three of |acc| and of |gyro|. */
export const FEATURE_COUNT = 36;

/**
 * Computes the features of a window.
 *
 * - Shape: `window` is `(6, 128)`, channels first; the result has 36 numbers, grouped by statistic: `mean` of the 6 channels, then `std`
 *   (of the population), `min`, `max`, `meanabsdiff` (mean of `|x[t+1] - x[t]|`), then mean, std and meanabsdiff of the length of acc, and of gyro.
 * - Pure, O(window).
 *
 * @throws {@link Defect} `features.window_invalid` when the window has another size
 */
export function windowFeatures(window: Float32Array): Float32Array {
  assertDefect(
    window.length === WINDOW_SIZE,
    "features.window_invalid",
    `a window has ${window.length} numbers, must be ${WINDOW_SIZE}`,
  );
  const features = new Float32Array(FEATURE_COUNT);
  for (let channel = 0; channel < CHANNEL_COUNT; channel++) {
    const start = channel * WINDOW_SAMPLES;
    const values = window.subarray(start, start + WINDOW_SAMPLES);
    const { mean, deviation, step } = describe(values);
    features[channel] = mean;
    features[CHANNEL_COUNT + channel] = deviation;
    features[2 * CHANNEL_COUNT + channel] = Math.min(...values);
    features[3 * CHANNEL_COUNT + channel] = Math.max(...values);
    features[4 * CHANNEL_COUNT + channel] = step;
  }
  for (let sensor = 0; sensor < 2; sensor++) {
    const { mean, deviation, step } = describe(lengths(window, 3 * sensor));
    features.set([mean, deviation, step], 5 * CHANNEL_COUNT + 3 * sensor);
  }
  return features;
}

/** Length of the vector in three neighbouring channels, sample by sample. */
function lengths(window: Float32Array, channel: number): Float32Array {
  const at = (axis: number, sample: number): number =>
    window[(channel + axis) * WINDOW_SAMPLES + sample] as number;
  return Float32Array.from({ length: WINDOW_SAMPLES }, (_, sample) =>
    Math.hypot(at(0, sample), at(1, sample), at(2, sample)),
  );
}

function describe(values: Float32Array): { mean: number; deviation: number; step: number } {
  let sum = 0;
  let steps = 0;
  for (let index = 0; index < values.length; index++) {
    sum += values[index] as number;
    if (index > 0) steps += Math.abs((values[index] as number) - (values[index - 1] as number));
  }
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / values.length), step: steps / (values.length - 1) };
}
