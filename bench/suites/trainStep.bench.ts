// How long one training step takes: this project's compiler on ONNX Runtime against TensorFlow.js, in Node and in Chromium.
import { loadNodeOrt } from "@attune/device-runtime/node";
import { findChromium } from "../peers/openPage.ts";
import { openRaceTrack } from "../peers/openRaceTrack.ts";
import { loadTfjs } from "../peers/tfjsTrainee.ts";
import { createTrainingTask, type TaskName, taskNames } from "../peers/trainingTask.ts";
import { type RaceResult, raceTrainStep } from "../peers/trainStepRace.ts";
import { bar } from "../src/bar.ts";
import type { Bar, BenchContext, ResultRow, Suite } from "../src/suite.ts";

type Engine = "node" | "chromium";

const engines: readonly Engine[] = ["node", "chromium"];

/** What a step must be worth, by engine and network. */
const timesTfjsMin: Readonly<Record<Engine, Partial<Record<TaskName, number>>>> = {
  node: { perceptron: 60, "har-cnn": 500 },
  chromium: { "har-cnn": 150 },
};
const LAST_LAYER_TO_INFERENCE_MAX = 1.3;
const convolutional: ReadonlySet<TaskName> = new Set(["har-cnn", "keyword-net"]);

/** One training step of four networks: forward, loss, backward, update. */
export const suite: Suite = {
  name: "train-step",
  title: "One training step, SGD, one thread; inference and a step of the last layer beside it",
  columns: [
    { key: "engine", title: "engine" },
    { key: "network", title: "network" },
    { key: "name", title: "rival" },
    { key: "medianUs", title: "median µs", decimals: 0 },
    { key: "lowerQuartileUs", title: "25 % µs", decimals: 0 },
    { key: "upperQuartileUs", title: "75 % µs", decimals: 0 },
    { key: "ratio", title: "times attune", decimals: 1 },
  ],
  packages: [
    "onnxruntime-node",
    "onnxruntime-web",
    "@tensorflow/tfjs",
    "@tensorflow/tfjs-backend-wasm",
  ],
  options: [
    {
      name: "networks",
      fallback: taskNames.join(),
      help: `some of ${taskNames.join(", ")}`,
    },
    { name: "engines", fallback: engines.join(), help: "node, chromium, or both" },
    { name: "threads", fallback: "1", help: "in Chromium; bars are of 1, which is the default" },
  ],
  async run(context) {
    const networks = listed("networks", context.options["networks"] ?? "", taskNames);
    const chosen = listed("engines", context.options["engines"] ?? "", engines);
    const threads = Number(context.options["threads"]);
    if (!(Number.isInteger(threads) && threads >= 1)) {
      throw new Error(`--threads is ${context.options["threads"] ?? ""}; take 1 or more`);
    }
    const results: ResultRow[] = [];
    const bars: Bar[] = [];
    for (const engine of chosen) {
      const isThreaded = engine === "chromium" && threads > 1;
      const label = isThreaded ? `${engine}, ${threads} threads` : engine;
      const track = await openTrack(engine, threads, context);
      try {
        for (const network of networks) {
          context.progress(`${label}: ${createTrainingTask(network).title}`);
          const found = await track.race(network);
          results.push(...found.rows.map((row) => ({ engine: label, network, ...row })));
          if (!isThreaded) bars.push(...barsOf(engine, network, found));
        }
      } finally {
        await track.close();
      }
    }
    return { results, bars };
  },
};

function listed<T extends string>(option: string, value: string, all: readonly T[]): T[] {
  const names = value.split(",");
  const unknown = names.find((name) => !all.includes(name as T));
  if (unknown !== undefined) {
    throw new Error(`--${option} names "${unknown}"; take some of ${all.join(", ")}`);
  }
  return all.filter((name) => names.includes(name));
}

async function openTrack(
  engine: Engine,
  threads: number,
  { compare, progress }: BenchContext,
): Promise<{ race(name: TaskName): Promise<RaceResult>; close(): Promise<void> }> {
  if (engine === "chromium") {
    const path = findChromium();
    if (path === undefined) {
      throw new Error(
        "needs Chromium: apt-get install chromium, name one in CHROMIUM, or --engines node",
      );
    }
    return openRaceTrack(path, threads, progress);
  }
  const runtime = await loadNodeOrt();
  const tfjs = await loadTfjs();
  return {
    race: (name) => raceTrainStep(createTrainingTask(name), { engine, runtime, tfjs }, compare),
    async close() {},
  };
}

function barsOf(engine: Engine, network: TaskName, found: RaceResult): Bar[] {
  const where = `${engine}, ${network}`;
  const least = timesTfjsMin[engine][network];
  const times = found.timesTfjs.cpu?.median ?? Number.NaN;
  return [
    ...(least === undefined ? [] : [bar(`${where}: times tfjs cpu`, times, ">=", least)]),
    ...(convolutional.has(network)
      ? [
          bar(
            `${where}: last-layer step to inference`,
            found.lastLayerToInference.median,
            "<=",
            LAST_LAYER_TO_INFERENCE_MAX,
          ),
        ]
      : []),
    bar(`${where}: relative difference of losses`, found.lossDifference, "<=", 1e-4),
  ];
}
