// ONNX `NodeProto` and `AttributeProto`. It must not know what an operator does.
import { turnAway } from "../turnAway.ts";
import { type OnnxTensor, readTensor, writeTensor } from "./tensorMessage.ts";
import {
  bytesField,
  fieldInteger,
  fieldIntegers,
  fieldText,
  floatField,
  integerField,
  joinBytes,
  messageField,
  readFields,
  textField,
  type WireBudget,
} from "./wireFormat.ts";

/** Value of an attribute. A subgraph stays written: nothing here looks inside. */
export type OnnxAttribute =
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "integer"; readonly value: number }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "tensor"; readonly value: OnnxTensor }
  | { readonly kind: "graph"; readonly value: Uint8Array }
  | { readonly kind: "floats"; readonly value: readonly number[] }
  | { readonly kind: "integers"; readonly value: readonly number[] }
  | { readonly kind: "texts"; readonly value: readonly string[] }
  /** A kind that no supported operator has: kept as it stood in the file. */
  | { readonly kind: "other"; readonly value: Uint8Array };

/** One operator call. An empty input or output name means "left out". */
export interface OnnxNode {
  readonly name: string;
  readonly operator: string;
  /** "" for the standard operators. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

const nodeField = { input: 1, output: 2, name: 3, operator: 4, attribute: 5, domain: 7 } as const;
const attributeField = {
  name: 1,
  float: 2,
  integer: 3,
  text: 4,
  tensor: 5,
  graph: 6,
  floats: 7,
  integers: 8,
  texts: 9,
  type: 20,
} as const;
/** `AttributeProto.AttributeType`. */
const attributeType = {
  float: 1,
  integer: 2,
  text: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  integers: 7,
  texts: 8,
} as const;

const readFloats = (payload: Uint8Array): number[] => {
  if (payload.length % 4 !== 0) turnAway("model.malformed", "a float list is cut off");
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return Array.from({ length: payload.length / 4 }, (_, index) => view.getFloat32(4 * index, true));
};

function readAttribute(payload: Uint8Array, budget: WireBudget): [string, OnnxAttribute] {
  const fields = readFields(payload, budget);
  let name = "";
  let type = 0;
  for (const one of fields) {
    if (one.number === attributeField.name) name = fieldText(one);
    else if (one.number === attributeField.type) type = fieldInteger(one);
  }
  const last = (number: number) => fields.findLast((one) => one.number === number);
  switch (type) {
    case attributeType.float: {
      const value = readFloats(last(attributeField.float)?.payload ?? new Uint8Array(4))[0] ?? 0;
      return [name, { kind: "float", value }];
    }
    case attributeType.integer: {
      const one = last(attributeField.integer);
      return [name, { kind: "integer", value: one === undefined ? 0 : fieldInteger(one) }];
    }
    case attributeType.text: {
      const one = last(attributeField.text);
      return [name, { kind: "text", value: one === undefined ? "" : fieldText(one) }];
    }
    case attributeType.tensor: {
      const one = last(attributeField.tensor);
      if (one === undefined) return turnAway("model.malformed", `attribute ${name} is empty`);
      return [name, { kind: "tensor", value: readTensor(one.payload, budget) }];
    }
    case attributeType.graph:
      return [
        name,
        { kind: "graph", value: last(attributeField.graph)?.payload ?? new Uint8Array() },
      ];
    case attributeType.floats:
      return [
        name,
        {
          kind: "floats",
          value: fields
            .filter((one) => one.number === attributeField.floats)
            .flatMap((one) => readFloats(one.payload)),
        },
      ];
    case attributeType.integers:
      return [
        name,
        {
          kind: "integers",
          value: fields
            .filter((one) => one.number === attributeField.integers)
            .flatMap((one) => fieldIntegers(one).map(Number)),
        },
      ];
    case attributeType.texts:
      return [
        name,
        {
          kind: "texts",
          value: fields.filter((one) => one.number === attributeField.texts).map(fieldText),
        },
      ];
    default:
      return [name, { kind: "other", value: payload }];
  }
}

/** Reads a node from its message. */
export function readNode(payload: Uint8Array, budget: WireBudget): OnnxNode {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, OnnxAttribute>();
  let name = "";
  let operator = "";
  let domain = "";
  for (const one of readFields(payload, budget)) {
    if (one.number === nodeField.input) inputs.push(fieldText(one));
    else if (one.number === nodeField.output) outputs.push(fieldText(one));
    else if (one.number === nodeField.name) name = fieldText(one);
    else if (one.number === nodeField.operator) operator = fieldText(one);
    else if (one.number === nodeField.domain) domain = fieldText(one);
    else if (one.number === nodeField.attribute) {
      const [key, value] = readAttribute(one.payload, budget);
      attributes.set(key, value);
    }
  }
  // "ai.onnx" is the long name of the default domain.
  return {
    name,
    operator,
    domain: domain === "ai.onnx" ? "" : domain,
    inputs,
    outputs,
    attributes,
  };
}

function writeAttribute(name: string, attribute: OnnxAttribute): Uint8Array {
  if (attribute.kind === "other") return attribute.value;
  const parts = [textField(attributeField.name, name)];
  switch (attribute.kind) {
    case "float":
      parts.push(floatField(attributeField.float, attribute.value));
      break;
    case "integer":
      parts.push(integerField(attributeField.integer, attribute.value));
      break;
    case "text":
      parts.push(textField(attributeField.text, attribute.value));
      break;
    case "tensor":
      parts.push(bytesField(attributeField.tensor, writeTensor(attribute.value)));
      break;
    case "graph":
      parts.push(bytesField(attributeField.graph, attribute.value));
      break;
    case "floats":
      parts.push(...attribute.value.map((value) => floatField(attributeField.floats, value)));
      break;
    case "texts":
      parts.push(...attribute.value.map((value) => textField(attributeField.texts, value)));
      break;
    case "integers":
      parts.push(...attribute.value.map((value) => integerField(attributeField.integers, value)));
      break;
  }
  parts.push(integerField(attributeField.type, attributeType[attribute.kind]));
  return joinBytes(parts);
}

/** Writes a node message (without the field around it). Attributes are written in the order of the map. */
export function writeNode(node: OnnxNode): Uint8Array {
  const parts = [
    ...node.inputs.map((input) => textField(nodeField.input, input)),
    ...node.outputs.map((output) => textField(nodeField.output, output)),
  ];
  if (node.name !== "") parts.push(textField(nodeField.name, node.name));
  parts.push(textField(nodeField.operator, node.operator));
  for (const [name, attribute] of node.attributes) {
    parts.push(messageField(nodeField.attribute, [writeAttribute(name, attribute)]));
  }
  if (node.domain !== "") parts.push(textField(nodeField.domain, node.domain));
  return joinBytes(parts);
}
