// Whether the form that the compiler chooses for an expensive gradient is the fastest of those that it offers: all forms timed, interleaved.
import {
  buildNetwork,
  type LayerSpec,
  type LoweringCandidate,
  type LoweringChoice,
  listLowerings,
  type OrtRuntime,
  type TargetEngine,
  timeLowerings,
  workKinds,
} from "@attune/device-runtime/model";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { elementCount, unwrap } from "@attune/protocol";
import { createTrainingTask, taskNames } from "../peers/trainingTask.ts";
import { bar } from "../src/bar.ts";
import { fitCosts } from "../src/fitCosts.ts";
import type { ResultRow, Suite } from "../src/suite.ts";

/** Times each choice is measured, apart in time; the fastest counts. */
const PASSES = 3;

interface BenchModel {
  readonly name: string;
  readonly model: Uint8Array;
  readonly batchSize: number;
}

/** The networks whose choices have to be right. */
const raced = (): BenchModel[] =>
  taskNames.map((name) => {
    const { model, batchSize } = createTrainingTask(name);
    return { name, model, batchSize };
  });

/** Further networks, so that the costs are fitted to more kinds of shapes than four networks have. */
const further: Readonly<
  Record<string, { input: readonly number[]; batchSize: number; layers: readonly LayerSpec[] }>
> = {
  "long signal": {
    input: [9, 256],
    batchSize: 32,
    layers: [
      { kind: "convolution", filters: 32, kernel: 7, stride: 2, activation: "relu" },
      { kind: "convolution", filters: 32, kernel: 5, groups: 32 },
      { kind: "convolution", filters: 64, kernel: 1, activation: "relu" },
      { kind: "averagePool", size: 2 },
      { kind: "convolution", filters: 64, kernel: 3, dilation: 2, activation: "relu" },
      { kind: "maxPool", size: 4 },
      { kind: "convolution", filters: 64, kernel: 3, groups: 4, stride: 2 },
    ],
  },
  digits: {
    input: [1, 28, 28],
    batchSize: 16,
    layers: [
      { kind: "convolution", filters: 8, kernel: 3, activation: "relu" },
      { kind: "maxPool", size: 2 },
      { kind: "convolution", filters: 16, kernel: 5, activation: "relu" },
      { kind: "averagePool", size: 2 },
      { kind: "convolution", filters: 32, kernel: 3, stride: 2, activation: "relu" },
    ],
  },
  image: {
    input: [3, 32, 32],
    batchSize: 8,
    layers: [
      { kind: "convolution", filters: 16, kernel: 3, activation: "relu" },
      { kind: "convolution", filters: 16, kernel: 3, groups: 16, stride: 2 },
      { kind: "convolution", filters: 64, kernel: 1, activation: "relu" },
      { kind: "convolution", filters: 64, kernel: 5, groups: 64 },
      { kind: "convolution", filters: 32, kernel: 3, dilation: 2, activation: "relu" },
      { kind: "averagePool", size: 4 },
      { kind: "convolution", filters: 128, kernel: 1 },
    ],
  },
};

const furtherModels = (): BenchModel[] =>
  Object.entries(further).map(([name, { input, batchSize, layers }]) => {
    const ends: LayerSpec[] = [{ kind: "globalAveragePool" }, { kind: "dense", units: 6 }];
    const random = createSeededRandom(`lowerings ${name}`);
    return {
      name,
      batchSize,
      model: buildNetwork({ input, layers: [...layers, ...ends] }, random),
    };
  });

async function openEngine(engine: TargetEngine): Promise<OrtRuntime> {
  if (engine === "node") return (await import("@attune/device-runtime/node")).loadNodeOrt();
  const { createOrtRuntime } = await import("@attune/device-runtime/model");
  return createOrtRuntime(await import("onnxruntime-web/wasm"));
}

interface TimedForm extends LoweringCandidate {
  readonly network: string;
  readonly choice: LoweringChoice;
  readonly ns: number;
  /** Against the fastest form of the same choice. */
  readonly slowdown: number;
}

/** What a timed run costs beside the form's own work, which no training pays: calling the engine, and handing elements in and out. */
function around({ inputs, targets }: LoweringChoice): Record<"call" | "handed", number> {
  const [target] = targets;
  // Several gradients give an element each.
  const handedOut = inputs.filter(({ name }) => targets.length === 1 && name === target);
  const elements = [...inputs, ...handedOut].map(({ dims }) => elementCount(dims));
  return { call: 1, handed: elements.reduce((sum, count) => sum + count, 0) };
}

/** Every form that the compiler offers, in node or in WebAssembly within Node. */
export const suite: Suite = {
  name: "lowerings",
  title:
    "Forms of expensive gradients, with their node where they read it, one thread: the chosen one against the fastest",
  columns: [
    { key: "network", title: "network" },
    { key: "site", title: "site" },
    { key: "form", title: "form" },
    { key: "isChosen", title: "chosen" },
    { key: "measuredUs", title: "measured µs", decimals: 0 },
    { key: "predictedUs", title: "predicted µs", decimals: 0 },
    { key: "slowdown", title: "times fastest", decimals: 2 },
  ],
  packages: ["onnxruntime-node", "onnxruntime-web"],
  options: [
    { name: "engine", fallback: "node", help: "node, or wasm (in Node)" },
    { name: "site-ms", fallback: "150", help: "milliseconds a choice and pass, 3 passes" },
    { name: "fit", fallback: "no", help: "yes: more networks, and the costs that fit the times" },
  ],
  async run({ clock, options, progress }) {
    const engine: TargetEngine = options.engine === "wasm" ? "wasm" : "node";
    const isFit = options.fit === "yes";
    const runtime = await openEngine(engine);
    const timing = { siteMs: Number(options["site-ms"]), nowMs: () => clock.nowMs() };
    const networks = [...raced(), ...(isFit ? furtherModels() : [])].map((network) => ({
      ...network,
      choices: unwrap(
        listLowerings(network.model, {
          scope: "all",
          loss: { kind: "crossEntropy" },
          optimizer: { kind: "sgd" },
          lowering: { engine, batchSize: network.batchSize },
        }),
      ),
    }));
    const fastestMs = new Map<string, number>();
    for (let pass = 1; pass <= PASSES; pass += 1) {
      for (const { name, choices } of networks) {
        progress(`${name}, pass ${pass} of ${PASSES}`);
        const { runMs } = await timeLowerings(runtime, choices, timing);
        for (const [site, forms] of Object.entries(runMs)) {
          for (const [form, ms] of Object.entries(forms)) {
            const key = `${name}\n${site}\n${form}`;
            fastestMs.set(key, Math.min(ms, fastestMs.get(key) ?? Number.POSITIVE_INFINITY));
          }
        }
      }
    }
    const timed = networks.flatMap(({ name, choices }) =>
      choices.flatMap((choice) => {
        const ms = (form: string): number =>
          fastestMs.get(`${name}\n${choice.site}\n${form}`) ?? Number.NaN;
        const fastest = Math.min(...choice.forms.map((form) => ms(form.name)));
        return choice.forms.map(
          (form): TimedForm => ({
            ...form,
            network: name,
            choice,
            ns: ms(form.name) * 1e6,
            slowdown: ms(form.name) / fastest,
          }),
        );
      }),
    );
    const results = timed.map(
      (form): ResultRow => ({
        network: form.network,
        site: form.choice.site,
        form: form.name,
        isChosen: form.name === form.choice.chosen,
        measuredUs: form.ns / 1e3,
        predictedUs: form.predictedNs / 1e3,
        slowdown: form.slowdown,
      }),
    );
    const worst = (networkName: string): number =>
      Math.max(
        1,
        ...timed
          .filter(
            ({ network, name, choice }) =>
              network === networkName && choice.isWritten && name === choice.chosen,
          )
          .map(({ slowdown }) => slowdown),
      );
    if (isFit) {
      const costs = fitCosts(
        [...workKinds, "call", "handed"],
        timed.map(({ ns, work, choice }) => ({ ns, work: { ...work, ...around(choice) } })),
      );
      for (const kind of workKinds) {
        progress(`${engine} ${kind}: ${(costs[kind] ?? 0).toPrecision(3)} ns`);
      }
    }
    return {
      results,
      bars: taskNames.map((name) =>
        bar(`${name}: chosen form, times the fastest`, worst(name), "<=", 1.1),
      ),
    };
  },
};
