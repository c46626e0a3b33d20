// Rotations in three dimensions, as nine numbers. It must not know any sensor.

/** A proper rotation, row by row: `output[i] = sum of matrix[3 * i + j] * input[j]`. */
export type Rotation = readonly [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];

/**
 * The rotation by `angle` radians around `axis`, right-handed.
 *
 * @param axis any length above zero
 * @see Rodrigues' formula, `R = cos(a) I + sin(a) [k]x + (1 - cos(a)) k kT`
 */
export function rotationAround(axis: readonly [number, number, number], angle: number): Rotation {
  const length = Math.hypot(axis[0], axis[1], axis[2]);
  const x = axis[0] / length;
  const y = axis[1] / length;
  const z = axis[2] / length;
  const cosine = Math.cos(angle);
  const sine = Math.sin(angle);
  const rest = 1 - cosine;
  return [
    cosine + x * x * rest,
    x * y * rest - z * sine,
    x * z * rest + y * sine,
    y * x * rest + z * sine,
    cosine + y * y * rest,
    y * z * rest - x * sine,
    z * x * rest - y * sine,
    z * y * rest + x * sine,
    cosine + z * z * rest,
  ];
}

/** The rotation that does `first`, then `second`. */
export function followedBy(first: Rotation, second: Rotation): Rotation {
  const cell = (row: number, column: number): number =>
    (second[3 * row] as number) * (first[column] as number) +
    (second[3 * row + 1] as number) * (first[3 + column] as number) +
    (second[3 * row + 2] as number) * (first[6 + column] as number);
  return [
    cell(0, 0),
    cell(0, 1),
    cell(0, 2),
    cell(1, 0),
    cell(1, 1),
    cell(1, 2),
    cell(2, 0),
    cell(2, 1),
    cell(2, 2),
  ];
}

/**
 * Rotates three numbers in place.
 *
 * - Shape: `vector[offset .. offset + 2]`. Allocates nothing.
 */
export function rotateInPlace(rotation: Rotation, vector: Float64Array, offset: number): void {
  const x = vector[offset] as number;
  const y = vector[offset + 1] as number;
  const z = vector[offset + 2] as number;
  vector[offset] = rotation[0] * x + rotation[1] * y + rotation[2] * z;
  vector[offset + 1] = rotation[3] * x + rotation[4] * y + rotation[5] * z;
  vector[offset + 2] = rotation[6] * x + rotation[7] * y + rotation[8] * z;
}
