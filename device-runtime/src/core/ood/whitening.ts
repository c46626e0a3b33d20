// Takes the covariance out of feature vectors: afterwards every direction varies alike. It must not compare anything.
import { packedLength } from "./gaussianProfile.ts";
import { createRowBlocks } from "./rowBlocks.ts";

/** Whitens vectors relative to a centre. */
export interface Whitening {
  readonly dimension: number;
  /**
   * Writes the whitened vector.
   *
   * - Shape: `features` holds the vector from `offset` on, `into` from `intoAt` on.
   * - O(dimension² / 2), allocates nothing.
   */
  apply(features: ArrayLike<number>, offset: number, into: Float64Array, intoAt?: number): void;
}

/**
 * Creates a whitening from a covariance's factor.
 *
 * The inverse in place of solving the triangular system lets each sum run without waiting for the one before.
 *
 * @param factor lower Cholesky factor of the covariance, packed row by row; read once
 * @param centre what becomes 0; read once
 */
export function createWhitening(factor: Float64Array, centre: Float64Array): Whitening {
  const dimension = centre.length;
  const triangle = invertTriangle(factor, dimension);
  const inverse = createRowBlocks(
    dimension,
    (row) => row + 1,
    (row, column) => triangle[packedLength(row) + column] as number,
  );
  const product = new Float64Array(inverse.paddedCount);
  const middle = Float64Array.from(centre);
  const centred = new Float64Array(dimension);
  return {
    dimension,
    apply(features, offset, into, intoAt = 0) {
      for (let i = 0; i < dimension; i++) {
        centred[i] = (features[offset + i] as number) - (middle[i] as number);
      }
      inverse.multiply(centred, product);
      for (let i = 0; i < dimension; i++) into[intoAt + i] = product[i] as number;
    },
  };
}

/** The inverse of a packed lower triangle, packed alike. */
function invertTriangle(triangle: Float64Array, dimension: number): Float64Array {
  const inverse = new Float64Array(triangle.length);
  for (let j = 0; j < dimension; j++) {
    inverse[packedLength(j) + j] = 1 / (triangle[packedLength(j) + j] as number);
    for (let i = j + 1; i < dimension; i++) {
      const row = packedLength(i);
      let sum = 0;
      for (let k = j; k < i; k++) {
        sum += (triangle[row + k] as number) * (inverse[packedLength(k) + j] as number);
      }
      inverse[row + j] = -sum / (triangle[row + i] as number);
    }
  }
  return inverse;
}
