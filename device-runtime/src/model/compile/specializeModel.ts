// Rewrites a model for one way of using it: inputs and sizes fixed, everything that follows from them decided. It must not change what the
// model computes then.
import { elementCount, type Outcome } from "@attune/protocol";
import type { DimSizes } from "../graph/dataInputs.ts";
import { dimText, type Shape } from "../graph/dim.ts";
import { loadGraph } from "../graph/loadGraph.ts";
import { elementBytes } from "../onnx/elementType.ts";
import { readModelFile, writeModel } from "../onnx/modelFile.ts";
import { floatTensor, integerTensor, type OnnxTensor } from "../onnx/tensorMessage.ts";
import { type OnnxValue, writeValue } from "../onnx/valueMessage.ts";
import { orRefusal, turnAway } from "../turnAway.ts";

/** What is fixed. */
export interface Specialization {
  /** Sizes of dimensions that the file leaves open, by the name that it gives them, `input.axis` where it gives none. */
  readonly dims?: DimSizes;
  /** Values of inputs that are no data: a number fills an input, a list has its elements. For float32 and int64 inputs. */
  readonly inputs?: Readonly<Record<string, number | readonly number[]>>;
}

/** Largest input that is fixed: a state of two layers of 1,024 for 64 samples. */
const FIXED_ELEMENTS_MAX: number = 128 * 1024;

/**
 * Fixes inputs and sizes of a model and writes the file that is left: sampling rates, first states and lengths become constants, the branches
 * that they decide take the place of their `If`, and weights inside those become parameters.
 *
 * - Pure, O(bytes). The result is another model with its own digest, of operator set 20: specialise once, before the model is released.
 *
 * @param model bytes of an ONNX file, not trusted
 * @returns the file; a refusal where an input has no such value, or an operator is not supported
 */
export function specializeModel(
  model: Uint8Array,
  { dims = {}, inputs = {} }: Specialization,
): Outcome<Uint8Array> {
  return orRefusal(() => {
    const file = readModelFile(model);
    const fixed = Object.entries(inputs).map(([name, value]) => {
      const input = file.inputs.find((one) => one.name === name);
      return input === undefined
        ? turnAway(
            "model.plan_invalid",
            `the model has no input ${name}; it has ${file.inputs.map((one) => one.name).join(", ")}`,
          )
        : fixedTensor(input, value, dims);
    });
    const names = new Set(fixed.map((tensor) => tensor.name));
    const left = file.inputs.filter((input) => !names.has(input.name));
    const open = new Set(left.flatMap(openDims));
    const own = Object.entries(dims).filter(
      ([name]) => open.has(name) || !file.inputs.some((input) => openDims(input).includes(name)),
    );
    const graph = loadGraph(
      {
        ...file,
        inputs: left,
        initializers: [...file.initializers.filter(({ name }) => !names.has(name)), ...fixed],
      },
      undefined,
      Object.fromEntries(own),
    );
    const used = new Set([...graph.nodes.flatMap((node) => node.inputs), ...graph.outputs]);
    const written = (shape: Shape): (number | string)[] =>
      shape.map((dim) => (typeof dim === "number" ? dim : dimText(dim)));
    return writeModel(graph.opset, {
      name: "specialized",
      nodes: graph.nodes,
      domains: graph.domains,
      values: [...graph.declared].map((name) => {
        const { type, shape } = graph.values.get(name) ?? { type: "float32" as const, shape: [] };
        return writeValue(name, type, written(shape));
      }),
      initializers: [...graph.constants.values()].filter(({ name }) => used.has(name)),
      inputs: graph.inputs.map(({ name, type, shape }) => writeValue(name, type, written(shape))),
      outputs: graph.outputs.map((name) => {
        const { type, shape } = graph.values.get(name) ?? { type: "float32" as const, shape: [] };
        return writeValue(name, type, written(shape));
      }),
    });
  });
}

/** Names of an input's open dimensions. */
function openDims(input: OnnxValue): string[] {
  return (input.dims ?? []).flatMap((dim, axis) =>
    typeof dim === "number" ? [] : [dim === "" ? `${input.name}.${axis}` : dim],
  );
}

function fixedTensor(
  input: OnnxValue,
  value: number | readonly number[],
  sizes: DimSizes,
): OnnxTensor {
  const { name, type } = input;
  if (type !== "float32" && type !== "int64") {
    return turnAway(
      "model.plan_invalid",
      `input ${name} is ${type ?? "no tensor"}; only float32 and int64 inputs are fixed`,
    );
  }
  const dims = (input.dims ?? []).map((dim, axis) => {
    if (typeof dim === "number") return dim;
    const own = dim === "" ? `${name}.${axis}` : dim;
    const size = Object.hasOwn(sizes, own) ? sizes[own] : undefined;
    return size !== undefined && Number.isInteger(size) && size > 0
      ? size
      : turnAway("model.plan_invalid", `input ${name} leaves ${own} open; fix it by dims, from 1`);
  });
  const count = elementCount(dims);
  if (count > FIXED_ELEMENTS_MAX) {
    return turnAway(
      "model.too_large",
      `input ${name} has ${count} elements of ${elementBytes(type)} bytes, limit ${FIXED_ELEMENTS_MAX}`,
    );
  }
  const values = typeof value === "number" ? Array.from({ length: count }, () => value) : value;
  if (
    values.length !== count ||
    !values.every((one) => (type === "int64" ? Number.isSafeInteger(one) : Number.isFinite(one)))
  ) {
    return turnAway(
      "model.plan_invalid",
      `input ${name} takes ${count} ${type} numbers, ${values.length} are given`,
    );
  }
  return (type === "int64" ? integerTensor : floatTensor)(name, dims, values);
}
