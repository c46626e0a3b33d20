// The inputs of a model that are data, with their shapes.
import { DATA_INPUTS_MAX } from "../limits.ts";
import type { ModelFile } from "../onnx/modelFile.ts";
import { turnAway } from "../turnAway.ts";
import { type Dim, shapeText, symbolDim } from "./dim.ts";
import type { GraphValue } from "./modelGraph.ts";

/** Sizes for dimensions that a file leaves open, by the name that the file gives them. */
export type DimSizes = Readonly<Record<string, number>>;

/**
 * Finds the inputs that have no value in the file, in its order; inputs with one (older files list every initializer) keep it.
 *
 * A dimension without a name goes by `input.axis`. The first size of every input is the batch, so where files leave it open under several
 * names, or under none, it is the first input's.
 *
 * @param isRead whether anything that is wanted depends on an input; of a model that reads none the first is kept
 * @param sizes sizes of open dimensions; each must be a name that an input has
 */
export function dataInputs(
  file: ModelFile,
  initialized: ReadonlySet<string>,
  isRead: (name: string) => boolean,
  sizes: DimSizes,
): readonly [GraphValue, ...GraphValue[]] {
  const data = file.inputs.filter((input) => !initialized.has(input.name));
  const read = data.filter((input) => isRead(input.name));
  if (read.length > DATA_INPUTS_MAX) {
    turnAway(
      "model.too_large",
      `model has ${read.length} data inputs, limit ${DATA_INPUTS_MAX}; specializeModel fixes those that are no data`,
    );
  }
  const named = (read.length > 0 ? read : data.slice(0, 1)).map((input) => {
    if (input.type === undefined || input.dims === undefined) {
      return turnAway(
        "model.shape_unknown",
        `input ${input.name} declares no shape; export the model with one`,
      );
    }
    const dims = input.dims.map((dim, axis) => (dim === "" ? `${input.name}.${axis}` : dim));
    return { name: input.name, type: input.type, dims };
  });
  const repeated = named.find(({ name }, at) => named.findIndex((one) => one.name === name) < at);
  if (repeated !== undefined) {
    turnAway("model.graph_invalid", `two inputs are named "${repeated.name}"`);
  }
  const known = new Set(named.flatMap(({ dims }) => dims));
  for (const [name, size] of Object.entries(sizes)) {
    if (!known.has(name) || !Number.isInteger(size) || size < 1) {
      const open = [...known].filter((dim) => typeof dim === "string");
      turnAway(
        "model.plan_invalid",
        `dims names ${name} = ${size}; the open dimensions of ${inputsText(named)} are ${open.join(", ") || "none"}, each takes a whole number from 1`,
      );
    }
  }
  const sizeOf = (dim: number | string): Dim => {
    if (typeof dim === "number") return dim;
    return Object.hasOwn(sizes, dim) ? (sizes[dim] ?? 1) : symbolDim(dim);
  };
  const [first, ...others] = named.map(
    ({ name, type, dims }): GraphValue => ({ name, type, shape: dims.map(sizeOf) }),
  );
  if (first === undefined) {
    return turnAway(
      "model.graph_invalid",
      "model has no data input: all of its inputs have values",
    );
  }
  return [first, ...others.map((input) => besideFirst(first, input))];
}

/** A further input under the batch of the first. */
function besideFirst(first: GraphValue, input: GraphValue): GraphValue {
  const [batch] = first.shape;
  const [own, ...rest] = input.shape;
  if (own === undefined || batch === undefined || (typeof own === "number" && own !== batch)) {
    return turnAway(
      "model.graph_invalid",
      `input ${input.name} is ${shapeText(input.shape)}, so it is not one for each sample: its first size must be the batch, as that of input ${first.name} ${shapeText(first.shape)}; specializeModel fixes the values of inputs that are no data`,
    );
  }
  return { ...input, shape: [batch, ...rest] };
}

const inputsText = (inputs: readonly { readonly name: string }[]): string =>
  `input${inputs.length > 1 ? "s" : ""} ${inputs.map(({ name }) => name).join(", ")}`;
