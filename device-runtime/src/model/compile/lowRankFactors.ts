// Values of low-rank factors: where they start, and what they add up to.
import { elementCount, type ParameterTensor } from "@attune/protocol";
import type { LowRankPatch } from "./lowRank.ts";

/**
 * Factors before the first step: `up` is 0, so the patched weight is the base's to the bit; `down` is uniform in `±1 / sqrt(values that make one
 * sum)`, drawn from the weight's name alone, so that equal trainings start equal.
 *
 * @see Hu et al. 2022 (LoRA), section 4.1; the uniform range is that of `peft`, Kaiming's with a = sqrt(5).
 */
export function startFactors(patches: readonly LowRankPatch[]): readonly ParameterTensor[] {
  return patches.flatMap(({ down, up, layout }) => {
    const sumLength =
      layout === "convolution" ? elementCount(down.dims.slice(1)) : (down.dims[0] ?? 1);
    const bound = 1 / Math.sqrt(sumLength);
    const draw = drawsOf(down.name);
    const values = Float32Array.from(
      { length: elementCount(down.dims) },
      () => (2 * draw() - 1) * bound,
    );
    return [
      { ...down, data: values },
      { ...up, data: new Float32Array(elementCount(up.dims)) },
    ];
  });
}

/** Numbers in `[0, 1)` that depend on a text only: FNV-1a seeds a Weyl sequence with a mixer (splitmix32). */
function drawsOf(text: string): () => number {
  let state = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) state = Math.imul(state ^ byte, 0x01000193);
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** The weight with its patch added: `W + scale · (down · up)`, each sum in float64 and rounded once. */
export function mergePatch(
  patch: LowRankPatch,
  values: { readonly weight: Float32Array; readonly down: Float32Array; readonly up: Float32Array },
): ParameterTensor {
  const { weight, layout, scale } = patch;
  const { weight: base, down, up } = values;
  const isConvolution = layout === "convolution";
  const rank = (isConvolution ? patch.down.dims[0] : patch.down.dims[1]) ?? 1;
  const [first = 1] = weight.dims;
  const rowLength = elementCount(weight.dims.slice(1));
  const data = new Float32Array(base.length);
  for (let row = 0; row < first; row += 1) {
    for (let column = 0; column < rowLength; column += 1) {
      let sum = 0;
      for (let r = 0; r < rank; r += 1) {
        if (layout === "inOut") {
          sum += (down[row * rank + r] ?? 0) * (up[r * rowLength + column] ?? 0);
        } else if (layout === "outIn") {
          sum += (down[column * rank + r] ?? 0) * (up[r * first + row] ?? 0);
        } else {
          sum += (up[row * rank + r] ?? 0) * (down[r * rowLength + column] ?? 0);
        }
      }
      const at = row * rowLength + column;
      data[at] = (base[at] ?? 0) + scale * sum;
    }
  }
  return { name: weight.name, dims: weight.dims, data };
}
