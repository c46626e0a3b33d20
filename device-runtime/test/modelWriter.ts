// Writes small models node by node, as exporters do. For tests only.
import { elementCount } from "@attune/protocol";
import type { EmittedAttributes } from "../src/model/graph/graphEmitter.ts";
import type { ElementType } from "../src/model/onnx/elementType.ts";
import { writeModel } from "../src/model/onnx/modelFile.ts";
import type { OnnxNode } from "../src/model/onnx/nodeMessage.ts";
import { floatTensor, integerTensor, type OnnxTensor } from "../src/model/onnx/tensorMessage.ts";
import { writeValue } from "../src/model/onnx/valueMessage.ts";
import { spacedValues } from "./gradientCheck.ts";

/** A model that grows. Every method returns the name of what it adds. */
export interface ModelWriter {
  /** A node with one output. */
  node(operator: string, inputs: readonly string[], attributes?: EmittedAttributes): string;
  /** A node with several outputs; "" leaves one out. */
  nodeOf(
    operator: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes?: EmittedAttributes,
  ): void;
  /** Weights of this shape between -scale and scale, no two equal. */
  weight(name: string, dims: readonly number[], scale?: number): string;
  floats(name: string, dims: readonly number[], values: readonly number[]): string;
  integers(name: string, dims: readonly number[], values: readonly number[]): string;
  /** A `Constant` node. */
  constant(tensor: OnnxTensor): string;
  tensor(tensor: OnnxTensor): string;
  /**
   * The file; its first output is `output`.
   *
   * @param listsInitializers whether the initializers are inputs, too, as files before IR version 4 have them
   */
  finish(output: string, listsInitializers?: boolean): Uint8Array;
}

/** A data input. */
export interface WrittenInput {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly (number | string)[];
}

/** Starts a model with the input `x` of floats, or with those inputs. */
export function createModelWriter(
  opset: number,
  input: readonly (number | string)[],
  declared: readonly WrittenInput[] = [{ name: "x", type: "float32", dims: input }],
): ModelWriter {
  const nodes: OnnxNode[] = [];
  const tensors: OnnxTensor[] = [];
  let count = 0;
  const nodeOf: ModelWriter["nodeOf"] = (operator, inputs, outputs, attributes = {}) => {
    nodes.push({
      name: `${operator}_${nodes.length}`,
      operator,
      domain: "",
      inputs,
      outputs,
      attributes: new Map(Object.entries(attributes)),
    });
  };
  const tensor: ModelWriter["tensor"] = (one) => {
    tensors.push(one);
    return one.name;
  };
  const fresh = (): string => {
    count += 1;
    return `v${count}`;
  };
  return {
    nodeOf,
    tensor,
    node(operator, inputs, attributes) {
      const output = fresh();
      nodeOf(operator, inputs, [output], attributes);
      return output;
    },
    weight(name, dims, scale = 0.5) {
      const { data } = spacedValues(dims, tensors.length + 7);
      const bound = Math.max(...data.map(Math.abs));
      return tensor(
        floatTensor(
          name,
          dims,
          data.map((value) => (value / bound) * scale),
        ),
      );
    },
    floats: (name, dims, values) => tensor(floatTensor(name, dims, values)),
    integers: (name, dims, values) => tensor(integerTensor(name, dims, values)),
    constant(value) {
      const output = fresh();
      nodeOf("Constant", [], [output], { value: { kind: "tensor", value } });
      return output;
    },
    finish: (output, listsInitializers = false) =>
      writeModel(opset, {
        name: "model",
        nodes,
        initializers: tensors,
        inputs: [
          ...declared.map(({ name, type, dims }) => writeValue(name, type, dims)),
          ...(listsInitializers
            ? tensors.map(({ name, type, dims }) => writeValue(name, type, dims))
            : []),
        ],
        outputs: [writeValue(output, "float32", undefined)],
      }),
  };
}

/** As many numbers as a shape has, between -1 and 1. */
export function inputValues(dims: readonly number[], seed = 3): Float32Array {
  const count = elementCount(dims);
  return Float32Array.from({ length: count }, (_, at) =>
    Math.sin(1.3 * at + 0.7 * seed + (at % 7)),
  );
}
