// The one input of a model that is data, with its shape.
import type { ModelFile } from "../onnx/modelFile.ts";
import { turnAway } from "../turnAway.ts";
import { symbolDim } from "./dim.ts";
import type { GraphValue } from "./modelGraph.ts";

/** Sizes for dimensions that a file leaves open, by the name that the file gives them. */
export type DimSizes = Readonly<Record<string, number>>;

/**
 * Finds the input that has no value in the file; inputs with one (older files list every initializer) keep it.
 *
 * A dimension without a name goes by `input.axis`.
 *
 * @param sizes sizes of open dimensions; each must be a name that the input has
 */
export function dataInput(
  file: ModelFile,
  initialized: ReadonlySet<string>,
  sizes: DimSizes,
): GraphValue {
  const data = file.inputs.filter((input) => !initialized.has(input.name));
  const [input] = data;
  if (input === undefined || data.length > 1) {
    return turnAway(
      "model.graph_invalid",
      `model has ${data.length} data inputs (${data.map((one) => one.name).join(", ")}), must have one; specializeModel fixes the others`,
    );
  }
  if (input.type === undefined || input.dims === undefined) {
    return turnAway(
      "model.shape_unknown",
      `input ${input.name} declares no shape; export the model with one`,
    );
  }
  const names = input.dims.map((dim, axis) => (dim === "" ? `${input.name}.${axis}` : dim));
  for (const [name, size] of Object.entries(sizes)) {
    if (!names.includes(name) || !Number.isInteger(size) || size < 1) {
      const open = names.filter((dim) => typeof dim === "string");
      turnAway(
        "model.plan_invalid",
        `dims names ${name} = ${size}; the open dimensions of input ${input.name} are ${open.join(", ") || "none"}, each takes a whole number from 1`,
      );
    }
  }
  const shape = names.map((dim) =>
    typeof dim === "number" ? dim : Object.hasOwn(sizes, dim) ? (sizes[dim] ?? 1) : symbolDim(dim),
  );
  return { name: input.name, type: input.type, shape };
}
