// Writes a convolution over one, two or three axes.
import { integer, integers } from "../../graph/graphEmitter.ts";
import { heNormal } from "../initialWeights.ts";
import type { ConvolutionLayer } from "../networkSpec.ts";
import {
  assertFits,
  isSize,
  type LayerValue,
  type NetworkWriter,
  sizesOf,
} from "../networkWriter.ts";
import { writeActivation } from "./activation.ts";

const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

/** `act(x * W + b)`. */
export function writeConvolution(
  writer: NetworkWriter,
  input: LayerValue,
  layer: ConvolutionLayer,
): LayerValue {
  const { emit, random } = writer;
  const { filters, groups = 1, padding = "same", activation = "none" } = layer;
  const name = writer.layerName("conv", layer.name);
  const [channels = 0, ...sizes] = input.dims;
  const rank = sizes.length;
  assertFits(
    rank >= 1 && rank <= 3,
    name,
    `its input has shape ${input.dims.join("x")}; a convolution takes channels and one to three sizes`,
  );
  const kernel = sizesOf(name, layer.kernel, rank);
  const stride = sizesOf(name, layer.stride ?? 1, rank);
  const dilation = sizesOf(name, layer.dilation ?? 1, rank);
  assertFits(
    isSize(filters) && isSize(groups) && channels % groups === 0 && filters % groups === 0,
    name,
    `${channels} channels and ${filters} filters in ${groups} groups; whole numbers from 1, and groups divide both`,
  );
  assertFits(
    padding === "valid" || kernel.every((size) => size % 2 === 1),
    name,
    `kernel ${kernel.join("x")} with padding "same"; every size must be odd`,
  );
  const reach = kernel.map((size, axis) => (dilation[axis] ?? 1) * (size - 1));
  const pads = reach.map((one) => (padding === "same" ? one / 2 : 0));
  const outputs = sizes.map(
    (size, axis) =>
      Math.floor((size + 2 * (pads[axis] ?? 0) - (reach[axis] ?? 0) - 1) / (stride[axis] ?? 1)) + 1,
  );
  assertFits(
    outputs.every((size) => size >= 1),
    name,
    `nothing is left of ${sizes.join("x")} under a kernel of ${kernel.join("x")}`,
  );
  const fanIn = (channels / groups) * product(kernel);
  const weight = writer.parameter(
    `${name}.weight`,
    [filters, channels / groups, ...kernel],
    heNormal(random, filters * fanIn, fanIn),
  );
  const bias = writer.parameter(`${name}.bias`, [filters], new Float32Array(filters));
  const convolved = emit.node("Conv", [input.name, weight, bias], {
    kernel_shape: integers(kernel),
    pads: integers([...pads, ...pads]),
    strides: integers(stride),
    ...(dilation.some((one) => one > 1) && { dilations: integers(dilation) }),
    ...(groups > 1 && { group: integer(groups) }),
  });
  return { name: writeActivation(emit, convolved, activation), dims: [filters, ...outputs] };
}
