// Sizes that may contain unknown factors, such as the batch. Products only: a sum of unknowns becomes a new unknown.

/** An unknown size: `factor` times the product of named unknowns (sorted, at least one). */
export interface SymbolicDim {
  readonly factor: number;
  readonly symbols: readonly string[];
}

/** Size of one axis: known, or known up to named factors. */
export type Dim = number | SymbolicDim;

/** Sizes of all axes. */
export type Shape = readonly Dim[];

/** An unknown size of its own. */
export function symbolDim(name: string): SymbolicDim {
  return { factor: 1, symbols: [name] };
}

const partsOf = (dim: Dim): SymbolicDim =>
  typeof dim === "number" ? { factor: dim, symbols: [] } : dim;

const dimOf = (factor: number, symbols: readonly string[]): Dim =>
  symbols.length === 0 || factor === 0 ? factor : { factor, symbols };

/** Product of sizes. */
export function multiplyDims(dims: Shape): Dim {
  const parts = dims.map(partsOf);
  return dimOf(
    parts.reduce((product, part) => product * part.factor, 1),
    parts.flatMap((part) => part.symbols).sort(),
  );
}

/**
 * `dividend / divisor` where the division is exact and every unknown cancels or remains above; otherwise undefined.
 *
 * @example
 * divideDim({ factor: 12, symbols: ["batch"] }, 4); // => { factor: 3, symbols: ["batch"] }
 */
export function divideDim(dividend: Dim, divisor: Dim): Dim | undefined {
  const above = partsOf(dividend);
  const below = partsOf(divisor);
  if (below.factor === 0 || above.factor % below.factor !== 0) return undefined;
  const symbols = [...above.symbols];
  for (const symbol of below.symbols) {
    const at = symbols.indexOf(symbol);
    if (at < 0) return undefined;
    symbols.splice(at, 1);
  }
  return dimOf(above.factor / below.factor, symbols);
}

/** Whether two sizes are equal for every value of the unknowns. */
export function isSameDim(a: Dim, b: Dim): boolean {
  if (typeof a === "number" || typeof b === "number") return a === b;
  return a.factor === b.factor && a.symbols.join("\0") === b.symbols.join("\0");
}

/** Whether two shapes are equal for every value of the unknowns. */
export function isSameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => isSameDim(dim, b[axis] ?? -1));
}

/** Text for messages: `[batch, 6, 128]`. */
export function shapeText(shape: Shape): string {
  return `[${shape.map(dimText).join(", ")}]`;
}

/** Text of one size, as ONNX names an unknown dimension. */
export function dimText(dim: Dim): string {
  if (typeof dim === "number") return String(dim);
  const product = dim.symbols.join("*");
  return dim.factor === 1 ? product : `${dim.factor}*${product}`;
}

/** Whether every size is known. */
export function isStatic(shape: Shape): shape is readonly number[] {
  return shape.every((dim) => typeof dim === "number");
}
