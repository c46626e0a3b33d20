// The matrices that turn a short convolution into products point by point (Toom-Cook). Numbers only: it writes no nodes.

/** Transforms of a tile of `size` outputs; every matrix is row-major with a row a point. */
export interface TileTransforms {
  /** Outputs of a tile. */
  readonly size: number;
  /** Products of a tile: `size + kernel - 1`, which is also how many inputs it has. */
  readonly pointCount: number;
  /** `[pointCount, pointCount]`: of a tile's inputs. */
  readonly data: Float32Array;
  /** `[pointCount, kernel]`: of the weight. */
  readonly weight: Float32Array;
  /** `[pointCount, size]`: from the products to the outputs, each of which is a column's sum. */
  readonly output: Float32Array;
}

/** Points at which polynomials are evaluated, besides the one at infinity: small powers of two, their pairs and inverses keep rounding errors small. */
const points: readonly number[] = [0, 1, -1, 2, -2, 0.5, -0.5];

/**
 * Transforms for `y[i] = sum over j of w[j] x[i + j]`, `size` outputs of a kernel of `kernel` elements:
 * `y = outputᵀ ((weight w) ⊙ (data x))`.
 *
 * - `size >= 1`, `kernel >= 1`, and both together at most 9, because only seven points are given.
 *
 * The correlation is the transpose of the product of two polynomials, which is known by its values at as many points as it has
 * coefficients; the last point, infinity, stands for the highest coefficient.
 *
 * @example
 * createTileTransforms(2, 3).pointCount; // => 4
 * @see Winograd 1980, chapter 5; Lavin and Gray 2016, section 4.1; their F(2, 3) differs in signs that cancel.
 */
export function createTileTransforms(size: number, kernel: number): TileTransforms {
  const pointCount = size + kernel - 1;
  const finite = points.slice(0, pointCount - 1);
  const data = new Float32Array(pointCount ** 2);
  const weight = new Float32Array(pointCount * kernel);
  const output = new Float32Array(pointCount * size);
  finite.forEach((point, row) => {
    const others = finite.filter((_, index) => index !== row);
    data.set(polynomialWith(others), row * pointCount);
    // The divisor of the Lagrange basis stands with the weight, which is the smallest of the three.
    const divisor = others.reduce((product, other) => product * (point - other), 1);
    for (let at = 0; at < kernel; at += 1) weight[row * kernel + at] = point ** at / divisor;
    for (let at = 0; at < size; at += 1) output[row * size + at] = point ** at;
  });
  data.set(polynomialWith(finite), (pointCount - 1) * pointCount);
  weight[pointCount * kernel - 1] = 1;
  output[pointCount * size - 1] = 1;
  return { size, pointCount, data, weight, output };
}

/** Coefficients of the polynomial with these roots, the constant one first. */
function polynomialWith(roots: readonly number[]): number[] {
  return roots.reduce<number[]>(
    (product, root) =>
      Array.from(
        { length: product.length + 1 },
        (_, power) => (product[power - 1] ?? 0) - root * (product[power] ?? 0),
      ),
    [1],
  );
}
