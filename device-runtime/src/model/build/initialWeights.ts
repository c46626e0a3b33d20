// Initial weights, drawn from an injected source: same seed, same model.
import { gaussian, type Random, uniform } from "../../ports/random.ts";

/**
 * Weights for a layer that a ReLU follows: normal with deviation `sqrt(2 / fanIn)`.
 *
 * @see He et al. 2015, equation 10.
 */
export function heNormal(random: Random, count: number, fanIn: number): Float32Array {
  const deviation = Math.sqrt(2 / fanIn);
  return Float32Array.from({ length: count }, () => gaussian(random) * deviation);
}

/** Vectors of a table: normal with deviation 1, as PyTorch's `nn.Embedding` starts. */
export function normal(random: Random, count: number): Float32Array {
  return Float32Array.from({ length: count }, () => gaussian(random));
}

/**
 * Weights for a layer that nothing follows: uniform within `sqrt(6 / (fanIn + fanOut))`.
 *
 * @see Glorot and Bengio 2010, equation 16.
 */
export function glorotUniform(
  random: Random,
  count: number,
  fanIn: number,
  fanOut: number,
): Float32Array {
  const bound = Math.sqrt(6 / (fanIn + fanOut));
  return Float32Array.from({ length: count }, () => (2 * uniform(random) - 1) * bound);
}

/**
 * Weights and biases of a recurrent layer: uniform within `1 / sqrt(units)`, as PyTorch starts its own.
 */
export function recurrentUniform(random: Random, count: number, units: number): Float32Array {
  const bound = 1 / Math.sqrt(units);
  return Float32Array.from({ length: count }, () => (2 * uniform(random) - 1) * bound);
}
