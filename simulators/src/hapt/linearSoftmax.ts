// A plain linear softmax, trained by full-batch gradient descent: the floor that a model has to beat. It must not become clever.
import { assertDefect } from "@attune/protocol";

/** Rows of numbers with labels. */
export interface LabelledRows {
  /** Shape `(labels.length, width)`, row-major. */
  readonly values: Float32Array;
  readonly width: number;
  /** Each in `[0, classCount)`. */
  readonly labels: Uint8Array;
}

/** Weights of a linear classifier. */
export interface LinearSoftmax {
  readonly width: number;
  readonly classCount: number;
  /** Shape `(width, classCount)`, row-major. */
  readonly weights: Float32Array;
  /** Shape `(classCount)`. */
  readonly bias: Float32Array;
}

/** Mean and deviation of each column. */
export interface ColumnScale {
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
}

/** A classifier that knows nothing: all weights 0. */
export function blankSoftmax(width: number, classCount: number): LinearSoftmax {
  return {
    width,
    classCount,
    weights: new Float32Array(width * classCount),
    bias: new Float32Array(classCount),
  };
}

/**
 * Trains a copy of `start`: so many steps of gradient descent on the mean cross-entropy of all rows.
 *
 * - Deterministic; no shuffling, no batches, no regularisation. O(steps · rows · width · classes).
 *
 * @param start stays as it is
 * @param rows at least one
 */
export function trainSoftmax(
  start: LinearSoftmax,
  rows: LabelledRows,
  plan: { readonly stepCount: number; readonly learningRate: number },
): LinearSoftmax {
  const { width, classCount } = start;
  const { values, labels } = rows;
  assertDefect(
    rows.width === width && labels.length > 0 && values.length === labels.length * width,
    "softmax.rows_invalid",
    `${values.length} values in ${labels.length} rows of ${rows.width}; the classifier takes rows of ${width}, at least one`,
  );
  const weights = Float32Array.from(start.weights);
  const bias = Float32Array.from(start.bias);
  const gradient = new Float64Array(weights.length);
  const biasGradient = new Float64Array(classCount);
  const shares = new Float64Array(classCount);
  for (let step = 0; step < plan.stepCount; step++) {
    gradient.fill(0);
    biasGradient.fill(0);
    for (let row = 0; row < labels.length; row++) {
      const first = row * width;
      writeShares(weights, bias, values, first, width, shares);
      const label = labels[row] as number;
      shares[label] = (shares[label] as number) - 1;
      for (let column = 0; column < width; column++) {
        const value = values[first + column] as number;
        const at = column * classCount;
        for (let one = 0; one < classCount; one++) {
          gradient[at + one] = (gradient[at + one] as number) + value * (shares[one] as number);
        }
      }
      for (let one = 0; one < classCount; one++) {
        biasGradient[one] = (biasGradient[one] as number) + (shares[one] as number);
      }
    }
    const rate = plan.learningRate / labels.length;
    for (let at = 0; at < weights.length; at++) {
      weights[at] = (weights[at] as number) - rate * (gradient[at] as number);
    }
    for (let one = 0; one < classCount; one++) {
      bias[one] = (bias[one] as number) - rate * (biasGradient[one] as number);
    }
  }
  return { width, classCount, weights, bias };
}

/** The likeliest class of each row; the lowest one where two are equally likely. */
export function predictClasses(model: LinearSoftmax, values: Float32Array): Uint8Array {
  const shares = new Float64Array(model.classCount);
  const count = values.length / model.width;
  return Uint8Array.from({ length: count }, (_, row) => {
    writeShares(model.weights, model.bias, values, row * model.width, model.width, shares);
    return shares.indexOf(Math.max(...shares));
  });
}

/** Softmax of one row, its largest score taken off first. */
function writeShares(
  weights: Float32Array,
  bias: Float32Array,
  values: Float32Array,
  first: number,
  width: number,
  into: Float64Array,
): void {
  const classCount = into.length;
  for (let one = 0; one < classCount; one++) into[one] = bias[one] as number;
  for (let column = 0; column < width; column++) {
    const value = values[first + column] as number;
    const at = column * classCount;
    for (let one = 0; one < classCount; one++) {
      into[one] = (into[one] as number) + value * (weights[at + one] as number);
    }
  }
  let largest = Number.NEGATIVE_INFINITY;
  for (let one = 0; one < classCount; one++) largest = Math.max(largest, into[one] as number);
  let total = 0;
  for (let one = 0; one < classCount; one++) {
    const share = Math.exp((into[one] as number) - largest);
    into[one] = share;
    total += share;
  }
  for (let one = 0; one < classCount; one++) into[one] = (into[one] as number) / total;
}

/** Mean and deviation of each column; a column that never changes counts as deviation 1, so that it stays 0. */
export function columnScaleOf(values: Float32Array, width: number): ColumnScale {
  const count = values.length / width;
  const mean = new Float64Array(width);
  const square = new Float64Array(width);
  for (let index = 0; index < values.length; index++) {
    const column = index % width;
    mean[column] = (mean[column] as number) + (values[index] as number) / count;
  }
  for (let index = 0; index < values.length; index++) {
    const column = index % width;
    square[column] =
      (square[column] as number) + ((values[index] as number) - (mean[column] as number)) ** 2;
  }
  return {
    mean: Float32Array.from(mean),
    deviation: Float32Array.from(square, (sum) => Math.sqrt(sum / count) || 1),
  };
}

/** A copy of rows with each column brought to mean 0 and deviation 1 of where the scale was taken. */
export function standardized(values: Float32Array, scale: ColumnScale): Float32Array {
  const width = scale.mean.length;
  return values.map(
    (value, index) =>
      (value - (scale.mean[index % width] as number)) / (scale.deviation[index % width] as number),
  );
}
