// Where a gradient is not unique, the one that PyTorch takes. Finite differences cannot see these points.
import { describe, expect, it } from "vitest";
import { type CheckedTensor, compiledGradient } from "../../../test/gradientCheck.ts";
import { type EmittedAttributes, float, integers } from "../graph/graphEmitter.ts";
import { loadNodeOrt } from "../session/nodeOrtRuntime.ts";

const runtime = await loadNodeOrt();
const row = (...values: number[]): CheckedTensor => ({
  dims: [1, 1, values.length],
  data: Float32Array.from(values),
});
const scalar = (value: number): CheckedTensor => ({ dims: [], data: Float32Array.of(value) });
/** Gradient by the data where the gradient by the output is 1, 2, 3, ... */
const gradient = async (
  operator: string,
  inputs: (CheckedTensor | null)[],
  attributes: EmittedAttributes = {},
): Promise<number[]> => [...(await compiledGradient(runtime, { operator, inputs, attributes }))];

describe("kinks", () => {
  it("[TC5] MaxPool side by side: of equal elements the first gets all", async () => {
    const attributes = { kernel_shape: integers([2]), strides: integers([2]) };
    expect(await gradient("MaxPool", [row(5, 5, 1, 2, 3, 3, 0, 0)], attributes)).toEqual([
      1, 0, 0, 2, 3, 0, 4, 0,
    ]);
    const three = { kernel_shape: integers([3]), strides: integers([3]) };
    expect(await gradient("MaxPool", [row(1, 7, 7, 7, 7, 7, 0, 0, 9, 9)], three)).toEqual([
      0, 1, 0, 2, 0, 0, 0, 0, 3, 0,
    ]);
  });

  it("[TC5] MaxPool side by side over two axes: the first in row-major order", async () => {
    const attributes = { kernel_shape: integers([2, 2]), strides: integers([2, 2]) };
    const image = { dims: [1, 1, 2, 4], data: Float32Array.of(1, 6, 4, 4, 6, 1, 4, 4) };
    expect(await gradient("MaxPool", [image], attributes)).toEqual([0, 1, 2, 0, 0, 0, 0, 0]);
  });

  it("[TC5] MaxPool overlapping: the first of each window, windows add up", async () => {
    const attributes = { kernel_shape: integers([3]), strides: integers([1]) };
    expect(await gradient("MaxPool", [row(2, 2, 1, 1, 1)], attributes)).toEqual([1, 2, 3, 0, 0]);
  });

  it("[TC5] Relu: nothing at 0; LeakyRelu: its slope at 0", async () => {
    // Nothing may be -0, too.
    const open = await gradient("Relu", [row(-1, 0, 1, -0, 2)]);
    expect(Array.from(open, (value) => value + 0)).toEqual([0, 0, 3, 0, 5]);
    expect(await gradient("LeakyRelu", [row(-1, 0, 1)], { alpha: float(0.5) })).toEqual([
      0.5, 1, 3,
    ]);
  });

  it("[TC5] Clip: all at its bounds", async () => {
    expect(await gradient("Clip", [row(-2, -1, 0, 1, 2), scalar(-1), scalar(1)])).toEqual([
      0, 2, 3, 4, 0,
    ]);
    expect(await gradient("Clip", [row(-2, 1, 2), null, scalar(1)])).toEqual([1, 2, 0]);
  });

  it("[TC5] ReduceMax and ReduceMin: equal parts; GlobalMaxPool: the first gets all", async () => {
    const attributes = { axes: integers([2]) };
    expect(await gradient("ReduceMax", [row(5, 5, 1)], attributes)).toEqual([0.5, 0.5, 0]);
    expect(await gradient("ReduceMin", [row(5, 5, 5, 5)], attributes)).toEqual([
      0.25, 0.25, 0.25, 0.25,
    ]);
    expect(await gradient("GlobalMaxPool", [row(1, 7, 7, 0)])).toEqual([0, 1, 0, 0]);
  });

  it("[TC5] ReduceProd: one zero alone has a gradient, none beside another; norms: nothing at 0", async () => {
    const attributes = { axes: integers([2]) };
    expect(await gradient("ReduceProd", [row(2, 0, 3)], attributes)).toEqual([0, 6, 0]);
    expect(await gradient("ReduceProd", [row(0, 0, 3)], attributes)).toEqual([0, 0, 0]);
    expect(await gradient("ReduceL1", [row(-2, 0, 3)], attributes)).toEqual([-1, 0, 1]);
    expect(await gradient("ReduceL2", [row(0, 0)], attributes)).toEqual([0, 0]);
    expect(await gradient("GlobalLpPool", [row(0, 0)])).toEqual([0, 0]);
  });

  it("[TC5] Max and Min: equal operands share", async () => {
    expect(await gradient("Max", [row(1, 2, 3), row(1, 5, 0)])).toEqual([0.5, 0, 3]);
    expect(await gradient("Min", [row(1, 2, 3), row(1, 5, 0), row(1, 9, 9)])).toEqual([
      // A third of 1, all of 2, none of 3.
      Math.fround(1 / 3),
      2,
      0,
    ]);
  });

  it("[TC5] Abs and Sqrt's like: what PyTorch takes at the corner", async () => {
    expect(await gradient("Abs", [row(-1, 0, 1)])).toEqual([-1, 0, 3]);
    expect(await gradient("PRelu", [row(-1, 0, 1), scalar(0.5)])).toEqual([0.5, 1, 3]);
    expect(await gradient("Elu", [row(0, 1)])).toEqual([1, 2]);
    expect(await gradient("Selu", [row(0)])).toEqual([
      Math.fround(Math.fround(1.6732631921768188) * Math.fround(1.0507010221481323)),
    ]);
    expect(await gradient("ThresholdedRelu", [row(1, 2)])).toEqual([0, 2]);
    expect(await gradient("HardSigmoid", [row(-3, 0, 3)], { alpha: float(0.25) })).toEqual([
      0, 0.5, 0,
    ]);
    expect(await gradient("HardSwish", [row(-3, 0, 3)])).toEqual([0, 1, 3]);
  });

  it("[TC5] Pow: by a base of 0, and by an exponent over a base without logarithm", async () => {
    expect(await gradient("Pow", [row(0, 0, -2), scalar(2)])).toEqual([0, 0, -12]);
    expect(await gradient("Pow", [row(0), scalar(3)])).toEqual([0]);
  });

  it("[TC5] Gather: a row that is taken twice gets both", async () => {
    const twice = { dims: [3], type: "int64", elements: [1, -1, 1] } as const;
    const data = { dims: [2, 1], data: Float32Array.of(5, 6) };
    expect(
      await compiledGradient(runtime, {
        operator: "Gather",
        inputs: [data, twice],
        hasOpenBatch: false,
      }),
    ).toEqual(Float32Array.of(0, 6));
  });
});
