// Compares the gradient of one operator with finite differences, in the real engine. For tests only.
import { elementCount } from "@attune/protocol";
import { differentiate } from "../src/model/gradients/differentiate.ts";
import { createGraphEmitter, type EmittedAttributes } from "../src/model/graph/graphEmitter.ts";
import { loadGraph } from "../src/model/graph/loadGraph.ts";
import {
  checkLowering,
  createLowering,
  type LoweringSite,
} from "../src/model/lowering/createLowering.ts";
import type { LoweringSpec } from "../src/model/lowering/lowering.ts";
import { readModelFile, writeModel } from "../src/model/onnx/modelFile.ts";
import type { OnnxNode } from "../src/model/onnx/nodeMessage.ts";
import { floatTensor, integerTensor, type OnnxTensor } from "../src/model/onnx/tensorMessage.ts";
import { writeValue } from "../src/model/onnx/valueMessage.ts";
import type { OrtRuntime, OrtTensor } from "../src/model/session/ortRuntime.ts";
import { relativeDifference } from "./torchParityCase.ts";

/** A float32 tensor of a case. */
export interface CheckedTensor {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** Booleans or integers of a case; they have no gradient. */
export interface CheckedConstant {
  readonly dims: readonly number[];
  readonly type: "bool" | "int32" | "int64";
  readonly elements: readonly number[];
}

/** One operator on given inputs. The first input is the data unless it is a constant; `null` leaves an input out, a list is an integer vector. */
export interface GradientCase {
  readonly operator: string;
  readonly opset?: number;
  readonly inputs: readonly (CheckedTensor | CheckedConstant | readonly number[] | null)[];
  readonly attributes?: EmittedAttributes;
  /** Outputs that the loss depends on, by position; the first if left out. */
  readonly outputs?: readonly number[];
  /** Whether outputs that the loss does not depend on are named all the same. */
  readonly namesAllOutputs?: boolean;
  /** Outputs that the node names; up to the last that the loss depends on if left out. */
  readonly outputCount?: number;
  /** Positions of the inputs whose gradients are checked; only the data if left out. */
  readonly wanted?: readonly number[];
  /** Whether the size of the first axis is unknown to the compiler; true if left out. */
  readonly hasOpenBatch?: boolean;
  /** Axis whose size is unknown instead of the first. */
  readonly openAxis?: number | undefined;
  /** Step of the difference. */
  readonly step?: number;
  /** Whether the operator curves so much that two steps are taken, and extrapolated to none. */
  readonly isCurved?: boolean;
  /** Which forms the gradient takes; as the cost table says for Node if left out. */
  readonly lowering?: LoweringSpec;
}

/** Numbers with a spacing of 0.2, in an order given by `seed`, none nearer to 0 than 0.1: no kink and no tie within a small step. */
export function spacedValues(dims: readonly number[], seed: number): CheckedTensor {
  const count = elementCount(dims);
  const order = Array.from({ length: count }, (_, index) => index);
  let state = seed >>> 0;
  for (let last = count - 1; last > 0; last -= 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const other = Math.floor((state / 2 ** 32) * (last + 1));
    [order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0];
  }
  const middle = Math.floor(count / 2);
  return { dims, data: Float32Array.from(order, (place) => (place - middle + 0.5) * 0.2) };
}

const attributesOf = (attributes: EmittedAttributes): OnnxNode["attributes"] =>
  new Map(Object.entries(attributes));

/** A case as graphs: the operator, and the operator with the gradients of the wanted inputs behind it. */
interface CheckedGraphs {
  /** Data and wanted inputs, by position. */
  readonly given: ReadonlyMap<number, CheckedTensor>;
  readonly forward: Uint8Array;
  readonly backward: Uint8Array;
  /** Names of the gradients, by position. */
  readonly gradients: ReadonlyMap<number, string>;
  /** Names of the outputs that the loss depends on. */
  readonly outputs: readonly string[];
  /** Where the gradient could have taken another form. */
  readonly sites: readonly LoweringSite[];
}

const outputName = (index: number): string => (index === 0 ? "out" : `out${index}`);
const seedName = (output: string): string => (output === "out" ? "seed" : `seed:${output}`);
const inputName = (index: number): string => `in${index}`;

function graphsOf(check: GradientCase): CheckedGraphs {
  const { operator, inputs, attributes = {}, wanted = [0] } = check;
  const constants: OnnxTensor[] = [];
  const data = inputs.findIndex((input) => input !== null && "data" in input);
  const outputs = (check.outputs ?? [0]).map(outputName);
  const given = new Map<number, CheckedTensor>();
  inputs.forEach((input, index) => {
    if (input === null) return;
    if (Array.isArray(input)) {
      constants.push(integerTensor(inputName(index), [input.length], input as number[]));
    } else if ("elements" in input) {
      constants.push(constantOf(inputName(index), input));
    } else {
      const tensor = input as CheckedTensor;
      if (index === data || wanted.includes(index)) given.set(index, tensor);
      if (index !== data) constants.push(floatTensor(inputName(index), tensor.dims, tensor.data));
    }
  });
  const open = (dims: readonly number[]): (number | string)[] =>
    dims.map((dim, axis) =>
      axis === (check.openAxis ?? (check.hasOpenBatch === false ? -1 : 0)) ? "batch" : dim,
    );
  const declared = [...given].map(([index, { dims }]) =>
    writeValue(inputName(index), "float32", index === data ? open(dims) : dims),
  );
  const model = writeModel(check.opset ?? 17, {
    name: "check",
    nodes: [
      {
        name: "checked",
        operator,
        domain: "",
        inputs: inputs.map((input, index) => (input === null ? "" : inputName(index))),
        outputs: Array.from(
          { length: check.outputCount ?? Math.max(...(check.outputs ?? [0])) + 1 },
          (_, index) =>
            check.namesAllOutputs || outputs.includes(outputName(index)) ? outputName(index) : "",
        ),
        attributes: attributesOf(attributes),
      },
    ],
    initializers: constants,
    inputs: declared.slice(0, 1),
    outputs: outputs.map((output) => writeValue(output, "float32", undefined)),
  });
  const graph = loadGraph(readModelFile(model));
  const names = wanted.map(inputName);
  const emit = createGraphEmitter("train:");
  for (const [key, tensor] of graph.constants) if (!names.includes(key)) emit.keep(tensor);
  for (const node of graph.nodes) emit.copy(node);
  const lowering = createLowering(checkLowering(check.lowering));
  const gradients = differentiate({
    graph,
    emit,
    lowering,
    seeds: new Map(outputs.map((output) => [output, seedName(output)])),
    wanted: new Set(names),
  });
  const write = (nodes: readonly OnnxNode[], more: readonly Uint8Array[], written: string[]) =>
    writeModel(graph.opset, {
      name: "check",
      nodes,
      initializers: emit.constants,
      inputs: [...declared, ...more],
      outputs: written
        .filter((output) => output !== "")
        .map((output) => writeValue(output, "float32", undefined)),
    });
  return {
    given,
    outputs,
    sites: lowering.sites,
    forward: write(graph.nodes, [], outputs),
    backward: write(
      emit.nodes,
      outputs.map((output) => writeValue(seedName(output), "float32", undefined)),
      [...outputs, ...gradients.values()],
    ),
    gradients: new Map(wanted.map((index) => [index, gradients.get(inputName(index)) ?? ""])),
  };
}

function constantOf(name: string, { dims, type, elements }: CheckedConstant): OnnxTensor {
  if (type === "int64") return integerTensor(name, dims, elements);
  const bytes =
    type === "int32" ? new Uint8Array(Int32Array.from(elements).buffer) : Uint8Array.from(elements);
  return { name, type, dims, bytes };
}

const feedsOf = (
  given: CheckedGraphs["given"],
  changed?: number,
  values?: Float32Array,
): Record<string, OrtTensor> =>
  Object.fromEntries(
    [...given].map(([index, { dims, data }]) => [
      inputName(index),
      { type: "float32", dims, data: index === changed && values !== undefined ? values : data },
    ]),
  );

/** The forms that the gradients of a case can take, by operation. */
export function offeredForms(check: GradientCase): ReadonlyMap<string, readonly string[]> {
  return new Map(
    graphsOf(check).sites.map((site) => [site.operation, site.forms.map(({ name }) => name)]),
  );
}

/** The compiled gradient by the data where the gradient by the output is 1, 2, 3, ... */
export async function compiledGradient(
  runtime: OrtRuntime,
  check: GradientCase,
): Promise<Float32Array> {
  const { given, forward, backward, gradients } = graphsOf(check);
  const plain = await runtime.load(forward);
  const { out } = await plain.run(feedsOf(given), ["out"]);
  await plain.release();
  const seed: OrtTensor = {
    type: "float32",
    dims: out?.dims ?? [],
    data: Float32Array.from({ length: out?.data.length ?? 0 }, (_, at) => at + 1),
  };
  const graph = await runtime.load(backward);
  const name = gradients.get(0) ?? "";
  const results = await graph.run({ ...feedsOf(given), seed }, [name]);
  await graph.release();
  return results[name]?.data as Float32Array;
}

/** Gradients by the outputs. Not symmetric about 0, so that no sum over them vanishes and leaves only rounding to compare. */
function seedsLike(
  outputs: readonly string[],
  plain: Readonly<Record<string, OrtTensor>>,
): Record<string, OrtTensor> {
  const seeds: Record<string, OrtTensor> = {};
  for (const output of outputs) {
    const { dims = [] } = plain[output] ?? {};
    const data = Float32Array.from(
      { length: elementCount(dims) },
      (_, at) => 0.4 + Math.sin(1.7 * at + 0.3 + output.length),
    );
    seeds[seedName(output)] = { type: "float32", dims, data };
  }
  return seeds;
}

/** The outputs of a case and all its compiled gradients, one after the other; a gradient may have written the operator anew. */
export async function joinedGradients(runtime: OrtRuntime, check: GradientCase): Promise<number[]> {
  const { given, forward, backward, gradients, outputs } = graphsOf(check);
  const plain = await runtime.load(forward);
  const seeds = seedsLike(outputs, await plain.run(feedsOf(given), outputs));
  await plain.release();
  const graph = await runtime.load(backward);
  const names = [...outputs, ...gradients.values()];
  const results = await graph.run({ ...feedsOf(given), ...seeds }, names);
  await graph.release();
  return names.flatMap((name) => Array.from(results[name]?.data as Float32Array));
}

/**
 * Largest relative difference, per tensor, between the compiled gradients and central differences of `sum(c Y)` with fixed random `c`.
 */
export async function gradientError(runtime: OrtRuntime, check: GradientCase): Promise<number> {
  const { wanted = [0], step = 0.02 } = check;
  const { given, gradients, outputs, ...graphs } = graphsOf(check);
  const forward = await runtime.load(graphs.forward);
  const backward = await runtime.load(graphs.backward);
  try {
    const plain = await forward.run(feedsOf(given), outputs);
    const seeds = seedsLike(outputs, plain);
    const loss = async (index: number, values: Float32Array): Promise<number> => {
      const results = await forward.run(feedsOf(given, index, values), outputs);
      let sum = 0;
      for (const output of outputs) {
        const seed = seeds[seedName(output)]?.data as Float32Array;
        const result = results[output]?.data as Float32Array;
        result.forEach((value, at) => {
          sum += value * (seed[at] ?? 0);
        });
      }
      return sum;
    };
    const found = await backward.run({ ...feedsOf(given), ...seeds }, [
      ...outputs,
      ...[...gradients.values()].filter((name) => name !== ""),
    ]);
    let worst = 0;
    for (const index of wanted) {
      const tensor = given.get(index);
      if (tensor === undefined) return Number.POSITIVE_INFINITY;
      // Where nothing goes back, the gradient is 0.
      const compiled = found[gradients.get(index) ?? ""] ?? {
        dims: tensor.dims,
        data: new Float32Array(tensor.data.length),
      };
      if (compiled.dims.join() !== tensor.dims.join()) return Number.POSITIVE_INFINITY;
      const numeric = new Float32Array(tensor.data.length);
      const slope = async (at: number, reach: number): Promise<number> => {
        const shifted = tensor.data.slice();
        shifted[at] = (tensor.data[at] ?? 0) + reach;
        const above = shifted[at] ?? 0;
        const high = await loss(index, shifted);
        shifted[at] = (tensor.data[at] ?? 0) - reach;
        const low = await loss(index, shifted);
        return (high - low) / (above - (shifted[at] ?? 0));
      };
      for (let at = 0; at < numeric.length; at += 1) {
        const near = await slope(at, step);
        numeric[at] = check.isCurved ? (4 * near - (await slope(at, 2 * step))) / 3 : near;
      }
      worst = Math.max(worst, relativeDifference(compiled.data as Float32Array, numeric));
    }
    return worst;
  } finally {
    await forward.release();
    await backward.release();
  }
}
