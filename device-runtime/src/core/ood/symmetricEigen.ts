// Eigenvalues and eigenvectors of a symmetric matrix, by rotations. It runs where packages are made, not on devices.

/** What {@link symmetricEigen} gives, largest eigenvalue first. */
export interface SymmetricEigen {
  /** `(n,)`, falling. */
  readonly values: Float64Array;
  /** `(n, n)`: row i is the eigenvector of value i, of length 1. */
  readonly vectors: Float64Array;
}

/** Rotations over all pairs until nothing is left; six to ten are usual at any size. */
const sweepsMax = 60;

/**
 * Decomposes a symmetric matrix.
 *
 * - Shape: `matrix` is `(n, n)` row by row and stays as it is; finite.
 * - Pure, O(n³) a sweep: 70 features take a few milliseconds, 1,024 some minutes.
 *
 * @see Golub and Van Loan 2013, "Matrix computations", section 8.5.3 (cyclic Jacobi).
 */
export function symmetricEigen(matrix: ArrayLike<number>, n: number): SymmetricEigen {
  const a = Float64Array.from(matrix);
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  let scale = 0;
  for (const value of a) scale = Math.max(scale, Math.abs(value));
  for (let sweep = 0; sweep < sweepsMax; sweep++) {
    let largest = 0;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const apq = a[p * n + q] as number;
        largest = Math.max(largest, Math.abs(apq));
        if (Math.abs(apq) <= scale * 1e-18) continue;
        const theta = ((a[q * n + q] as number) - (a[p * n + p] as number)) / (2 * apq);
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const cosine = 1 / Math.hypot(t, 1);
        const sine = t * cosine;
        rotateColumns(a, n, p, q, cosine, sine);
        rotateRows(a, n, p, q, cosine, sine);
        rotateRows(vectors, n, p, q, cosine, sine);
      }
    }
    if (largest <= scale * 1e-15) break;
  }
  const order = Array.from({ length: n }, (_, i) => i).sort(
    (i, j) => (a[j * n + j] as number) - (a[i * n + i] as number),
  );
  const sorted = new Float64Array(n * n);
  order.forEach((from, to) => {
    sorted.set(vectors.subarray(from * n, (from + 1) * n), to * n);
  });
  return { values: Float64Array.from(order, (i) => a[i * n + i] as number), vectors: sorted };
}

function rotateRows(
  matrix: Float64Array,
  n: number,
  p: number,
  q: number,
  cosine: number,
  sine: number,
): void {
  for (let k = 0, atP = p * n, atQ = q * n; k < n; k++, atP++, atQ++) {
    const x = matrix[atP] as number;
    const y = matrix[atQ] as number;
    matrix[atP] = cosine * x - sine * y;
    matrix[atQ] = sine * x + cosine * y;
  }
}

function rotateColumns(
  matrix: Float64Array,
  n: number,
  p: number,
  q: number,
  cosine: number,
  sine: number,
): void {
  for (let k = 0, at = 0; k < n; k++, at += n) {
    const x = matrix[at + p] as number;
    const y = matrix[at + q] as number;
    matrix[at + p] = cosine * x - sine * y;
    matrix[at + q] = sine * x + cosine * y;
  }
}
