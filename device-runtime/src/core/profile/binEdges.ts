// Where a histogram's bins begin: at the quantiles of a reference. It must not count anything.
import { Defect } from "@attune/protocol";

/** More bins than a person's data can fill; 64 bins of 36 features are 9 KB. */
export const binCountMax = 64;

/**
 * Inner edges that cut a reference sample into bins of about the same count.
 *
 * - Returns at most `binCount - 1` ascending edges, fewer where values repeat: an edge never appears twice. What never varies gets a
 *   bin of its own, so that a rise from it is seen as well as a fall. Bin `i` holds `edge[i - 1] <= x < edge[i]`, the first and the last one are open. Pure, O(n log n).
 *
 * @param sample finite values, at least one.
 * @param binCount 2 to 64.
 * @throws {@link Defect} `profile.edges_invalid`.
 * @example
 * quantileEdges([1, 2, 3, 4, 5], 4); // => [2, 3, 4]
 * quantileEdges([0, 0, 0, 1], 4); // => [0, 0.25]
 * quantileEdges([5, 5, 5, 5], 4).length; // => 2
 * @see Hyndman and Fan 1996, "Sample quantiles in statistical packages", definition 7 (NumPy's and R's default).
 */
export function quantileEdges(sample: ArrayLike<number>, binCount: number): number[] {
  const sorted = Float64Array.from(sample).sort();
  if (
    sorted.length === 0 ||
    !sorted.every(Number.isFinite) ||
    !(Number.isInteger(binCount) && binCount >= 2 && binCount <= binCountMax)
  ) {
    throw new Defect(
      "profile.edges_invalid",
      `${sorted.length} values for ${binCount} bins; pass one finite value or more and 2 to ${binCountMax} bins`,
    );
  }
  const edges: number[] = [];
  for (let bin = 1; bin < binCount; bin++) {
    const position = ((sorted.length - 1) * bin) / binCount;
    const below = sorted[Math.floor(position)] as number;
    const above = sorted[Math.ceil(position)] as number;
    const edge = below + (above - below) * (position - Math.floor(position));
    if (edges.length === 0 || edge > (edges.at(-1) as number)) edges.push(edge);
  }
  const least = sorted[0] as number;
  if (binCount > 2 && least === sorted.at(-1)) edges.push(justAbove(least));
  return edges;
}

/** Near enough that nothing else falls between, far enough that a value that was rounded once more does not fall out: a part in a million. */
function justAbove(edge: number): number {
  return edge + Math.max(Math.abs(edge), closeToZero) * 2 ** -20;
}

/** What counts as large beside 0 here. */
const closeToZero = 2 ** -20;

/** The bin of a value among ascending inner edges, by bisection: `0` to `edges.length`. */
export function binOf(edges: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value < (edges[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}
