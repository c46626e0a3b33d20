// Learns the shapes of values that no rule of this compiler knows, by running the model, and writes them into its file.
import { elementCount, type Outcome } from "@attune/protocol";
import { type SampleInput, sampleInputs } from "../compile/sampleInputs.ts";
import { type DimSizes, dataInputs } from "../graph/dataInputs.ts";
import { type Dim, dimText, multiplyDims } from "../graph/dim.ts";
import { whyNotFrozen } from "../graph/frozenOperators.ts";
import { shapeRules } from "../graph/shapes/shapeRules.ts";
import { graphField, type ModelFile, readModelFile, writeModelFields } from "../onnx/modelFile.ts";
import { readValue, writeValue, writeValueName } from "../onnx/valueMessage.ts";
import { bytesField, createWireBudget } from "../onnx/wireFormat.ts";
import { orRefusal, turnAway } from "../turnAway.ts";
import type { OrtGraph, OrtRuntime, OrtTensor } from "./ortRuntime.ts";
import { type SampleArray, sampleFeeds } from "./sampleData.ts";

/** What has to be learned of a file, and how it is run for that. */
interface Questions {
  readonly file: ModelFile;
  readonly inputs: readonly SampleInput[];
  readonly batch: Dim;
  /** Values of unknown shape. */
  readonly names: readonly string[];
  /** The file with those values as outputs. */
  readonly probe: Uint8Array;
}

/** Two batches tell which sizes grow with the batch. */
const BATCHES = [2, 3] as const;

/**
 * Runs a model to learn the shapes behind operators that have no rule of their own (custom domains, detection, spectra), and declares them in
 * its file. Such a model then trains wherever nothing has to go back through those operators: `head`, the last layers.
 *
 * - Cost: two runs for each of two batches. Everything else in the file stays byte for byte as it was; declare once, before the model is released.
 *
 * A training checks what is declared whenever it runs. A model without such operators is given back as it is.
 *
 * @param model bytes of an ONNX file, not trusted
 * @param dims sizes of dimensions that the file leaves open, as in a training plan; give the plan the same
 * @returns the file, or a refusal: `model.shape_unknown` where a shape depends on the values of the data
 * @throws Fault `ort.graph_not_loadable`, `ort.run_failed`
 * @example
 * const model = buildPerceptron({ inputSize: 4, hidden: [8], classCount: 3 }, createSeededRandom(1));
 * const declared = await declareShapes(await loadNodeOrt(), model);
 * declared.ok && declared.value === model; // => true
 */
export async function declareShapes(
  runtime: OrtRuntime,
  model: Uint8Array,
  dims: DimSizes = {},
): Promise<Outcome<Uint8Array>> {
  const asked = orRefusal(() => questionsOf(model, dims));
  if (!asked.ok) return asked;
  const questions = asked.value;
  if (questions.names.length === 0) return { ok: true, value: model };
  const graph = await runtime.load(questions.probe);
  try {
    const { batch } = questions;
    const batches = typeof batch === "number" ? [batch, batch] : BATCHES;
    const runs: Readonly<Record<string, OrtTensor>>[] = [];
    for (const size of batches) {
      for (const draw of [0, 1]) runs.push(await run(graph, questions, size, draw));
    }
    return orRefusal(() => writeDeclarations(questions, runs));
  } finally {
    await graph.release();
  }
}

function questionsOf(model: Uint8Array, dims: DimSizes): Questions {
  const file = readModelFile(model);
  const initialized = new Set(file.initializers.map(({ name }) => name));
  const graph = { inputs: dataInputs(file, initialized, () => true, dims) };
  const names = file.nodes
    .filter((node) => node.domain !== "" || !shapeRules.has(node.operator))
    .filter((node) => whyNotFrozen(node, file) === undefined)
    .flatMap((node) => node.outputs.filter((output) => output !== ""));
  const outputs = new Set(file.outputs.map(({ name }) => name));
  const further = names.filter((name) => !outputs.has(name));
  return {
    file,
    inputs: sampleInputs(graph),
    batch: graph.inputs[0].shape[0] ?? 1,
    names,
    probe: writeModelFields(file, [
      ...file.graphFields.map((one) => one.encoded),
      ...further.map((name) => bytesField(graphField.output, writeValueName(name))),
    ]),
  };
}

/** A run on zeros, or on numbers that are not all alike; both are ids of any table. */
function run(
  graph: OrtGraph,
  { inputs, names }: Questions,
  batchSize: number,
  draw: number,
): Promise<Readonly<Record<string, OrtTensor>>> {
  const data: Record<string, SampleArray> = {};
  for (const { name, type, dims } of inputs) {
    const length = batchSize * elementCount(dims);
    if (type === "float32") {
      data[name] = Float32Array.from({ length }, (_, at) => draw * Math.sin(1 + at * at));
    } else {
      const ones = { length, map: (_: unknown, at: number) => draw * (at % 2) };
      data[name] =
        type === "bool" ? Uint8Array.from(ones, ones.map) : Int32Array.from(ones, ones.map);
    }
  }
  return graph.run(sampleFeeds(inputs, data, batchSize), names);
}

function writeDeclarations(
  { file, batch, names }: Questions,
  runs: readonly Readonly<Record<string, OrtTensor>>[],
): Uint8Array {
  const learned = new Set(names);
  const budget = createWireBudget();
  const kept = file.graphFields.filter(
    (one) =>
      one.number !== graphField.valueInfo || !learned.has(readValue(one.payload, budget).name),
  );
  return writeModelFields(file, [
    ...kept.map((one) => one.encoded),
    ...names.map((name) => {
      const results = runs.flatMap((one) => one[name] ?? []);
      const { type = "float32" } = results[0] ?? {};
      const dims = dimsOf(name, results, batch).map((dim) =>
        typeof dim === "number" ? dim : dimText(dim),
      );
      return bytesField(graphField.valueInfo, writeValue(name, type, dims));
    }),
  ]);
}

/** Sizes of a value from two runs of one batch and two of a larger one. */
function dimsOf(name: string, results: readonly OrtTensor[], batch: Dim): readonly Dim[] {
  const [small = [], again = [], large = [], last = []] = results.map(({ dims }) => dims);
  if (small.join() !== again.join() || large.join() !== last.join()) {
    turnAway(
      "model.shape_unknown",
      `the shape of ${name} depends on the values of the data: ${[small, again, large, last].map((dims) => `[${dims.join(", ")}]`).join(", ")}; export the model without the operator that makes it`,
    );
  }
  return small.map((size, axis): Dim => {
    const other = large[axis] ?? size;
    if (size === other) return size;
    const factor = size / BATCHES[0];
    return large.length === small.length && other === factor * BATCHES[1] && factor % 1 === 0
      ? multiplyDims([factor, batch])
      : turnAway(
          "model.shape_unknown",
          `axis ${axis} of ${name} is ${size} for ${BATCHES[0]} samples and ${other} for ${BATCHES[1]}, which is no multiple of the batch; export the model without the operator that makes it`,
        );
  });
}
