// Makes training windows as if the same people had worn the sensor a little differently. It must not know any model.
import { gaussian, type Random } from "@attune/device-runtime";
import { WINDOW_SAMPLES, WINDOW_SIZE } from "../people/inertialWindow.ts";
import { rotationAround } from "../people/rotation.ts";

/** How far a window may be changed. */
export interface Augmentation {
  /** Deviation of the angle by which the sensor is turned, around an axis of any direction; degrees, `>= 0`. */
  readonly rotationDegrees: number;
  /** Deviation of the logarithm of a factor on acc and of one on gyro, `>= 0`; 0.1 is ten per cent. */
  readonly scaleDeviation: number;
}

/**
 * Writes a changed copy of a window.
 *
 * - Shape: both `(6, 128)`, channels first. Acc and gyro are turned together, as one sensor is.
 * - Draws at least six numbers.
 *
 * A label does not change when a sensor is turned or a person is stronger, so that each copy is a true example of a person who was not
 * there.
 */
export function augmentInto(
  random: Random,
  augmentation: Augmentation,
  window: Float32Array,
  into: Float32Array,
): void {
  const degrees = augmentation.rotationDegrees * gaussian(random);
  const axis = [gaussian(random), gaussian(random), gaussian(random)] as const;
  const rotation = rotationAround([axis[0], axis[1], axis[2]], (degrees * Math.PI) / 180);
  for (let sensor = 0; sensor < WINDOW_SIZE; sensor += WINDOW_SIZE / 2) {
    const factor = Math.exp(augmentation.scaleDeviation * gaussian(random));
    const matrix = rotation.map((cell) => cell * factor);
    for (let sample = sensor; sample < sensor + WINDOW_SAMPLES; sample++) {
      const x = window[sample] as number;
      const y = window[sample + WINDOW_SAMPLES] as number;
      const z = window[sample + 2 * WINDOW_SAMPLES] as number;
      for (let row = 0; row < 3; row++) {
        into[sample + row * WINDOW_SAMPLES] =
          (matrix[3 * row] as number) * x +
          (matrix[3 * row + 1] as number) * y +
          (matrix[3 * row + 2] as number) * z;
      }
    }
  }
}
