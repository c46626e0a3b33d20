// Takes a model apart into graph and parameters, so that a release that changes only parameters ships only those, and joins them
// again byte for byte.
//
// The graph's bytes, little endian:
//   4       "ATG1"
//   4       number of gaps
//   each    4 offset in the model, 4 length, 2 name length, name UTF-8; offsets ascend and gaps do not overlap
//   rest    the model without its gaps
import {
  type Outcome,
  type ParameterSet,
  TENSOR_COUNT_MAX,
  TENSOR_NAME_BYTES_MAX,
} from "@attune/protocol";
import { MODEL_BYTES_MAX } from "../limits.ts";
import { readModelFile } from "../onnx/modelFile.ts";
import { joinBytes } from "../onnx/wireFormat.ts";
import { orRefusal, turnAway } from "../turnAway.ts";
import { overwriteParameters, parameterPlaces, parametersAt } from "./parameterBytes.ts";

/** A model in two pieces. */
export interface SplitModel {
  /** Structure and frozen constants; not ONNX, only for {@link joinModel}. Equal for all versions of one model. */
  readonly graph: Uint8Array;
  readonly parameters: ParameterSet;
}

const MAGIC = [0x41, 0x54, 0x47, 0x31];

interface Gap {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
}

/**
 * Takes a model apart.
 *
 * - Pure, O(bytes).
 *
 * @param model bytes of an ONNX file, not trusted
 */
export function splitModel(model: Uint8Array): Outcome<SplitModel> {
  return orRefusal(() => {
    const places = parameterPlaces(model, readModelFile(model));
    const gaps = places
      .map(({ tensor, offset }) => ({ name: tensor.name, offset, length: tensor.bytes.length }))
      .sort((a, b) => a.offset - b.offset);
    return { graph: writeGaps(model, gaps), parameters: parametersAt(places) };
  });
}

function writeGaps(model: Uint8Array, gaps: readonly Gap[]): Uint8Array {
  const encoder = new TextEncoder();
  const head = new Uint8Array(8);
  head.set(MAGIC);
  new DataView(head.buffer).setUint32(4, gaps.length, true);
  const parts: Uint8Array[] = [head];
  for (const { name, offset, length } of gaps) {
    const text = encoder.encode(name);
    const entry = new Uint8Array(10);
    const view = new DataView(entry.buffer);
    view.setUint32(0, offset, true);
    view.setUint32(4, length, true);
    view.setUint16(8, text.length, true);
    parts.push(entry, text);
  }
  let at = 0;
  for (const { offset, length } of gaps) {
    parts.push(model.subarray(at, offset));
    at = offset + length;
  }
  parts.push(model.subarray(at));
  return joinBytes(parts);
}

/**
 * Puts graph and parameters together to the ONNX file that they were, or to the one with these other parameters.
 *
 * - Pure, O(bytes). Exact: `joinModel` after {@link splitModel} gives the same bytes, save that a parameter of -0 became 0.
 *
 * @param graph from {@link splitModel}, not trusted
 * @param parameters all parameters of the model, no more and no fewer
 */
export function joinModel(graph: Uint8Array, parameters: ParameterSet): Outcome<Uint8Array> {
  return orRefusal(() => {
    const { gaps, rest, modelBytes } = readGaps(graph);
    const names = new Set(parameters.map((tensor) => tensor.name));
    const missing = gaps.find((gap) => !names.has(gap.name));
    if (missing !== undefined || names.size !== gaps.length) {
      turnAway(
        "model.parameter_mismatch",
        missing === undefined
          ? `${names.size} parameters for a graph of ${gaps.length}`
          : `the graph needs the parameter ${missing.name}, which is not given`,
      );
    }
    const model = new Uint8Array(modelBytes);
    let from = 0;
    let to = 0;
    for (const { offset, length } of gaps) {
      model.set(rest.subarray(from, from + offset - to), to);
      from += offset - to;
      to = offset + length;
    }
    model.set(rest.subarray(from), to);
    overwriteParameters(model, parameterPlaces(model, readModelFile(model)), parameters);
    return model;
  });
}

function readGaps(graph: Uint8Array): { gaps: Gap[]; rest: Uint8Array; modelBytes: number } {
  const broken = (what: string): never =>
    turnAway("model.malformed", `graph of ${graph.length} bytes: ${what}; fetch it again`);
  const view = new DataView(graph.buffer, graph.byteOffset, graph.byteLength);
  if (graph.length < 8 || MAGIC.some((byte, index) => graph[index] !== byte)) {
    return broken("does not begin as a graph");
  }
  const count = view.getUint32(4, true);
  if (count > TENSOR_COUNT_MAX) return broken(`${count} parameters, limit ${TENSOR_COUNT_MAX}`);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const gaps: Gap[] = [];
  let at = 8;
  let end = 0;
  let total = 0;
  for (let index = 0; index < count; index += 1) {
    if (at + 10 > graph.length) return broken("ends inside its list");
    const offset = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    const nameBytes = view.getUint16(at + 8, true);
    at += 10;
    if (nameBytes > TENSOR_NAME_BYTES_MAX || at + nameBytes > graph.length) {
      return broken("has a name that is too long");
    }
    if (offset < end) return broken("its parameters overlap");
    try {
      gaps.push({ name: decoder.decode(graph.subarray(at, at + nameBytes)), offset, length });
    } catch {
      return broken("has a name that is not UTF-8");
    }
    at += nameBytes;
    end = offset + length;
    total += length;
  }
  const rest = graph.subarray(at);
  const modelBytes = rest.length + total;
  if (end > modelBytes) return broken("places a parameter behind the end of the model");
  if (modelBytes > MODEL_BYTES_MAX) {
    return turnAway(
      "model.too_large",
      `the joined model would have ${modelBytes} bytes, limit ${MODEL_BYTES_MAX}`,
    );
  }
  return { gaps, rest, modelBytes };
}
