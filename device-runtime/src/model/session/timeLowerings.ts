// Times the forms of a training's operations on this device, once, so that a plan can name the fastest of each.
import { assertDefect, elementCount } from "@attune/protocol";
import { candidateOutput, type LoweringChoice } from "../lowering/loweringChoice.ts";
import type { OrtGraph, OrtRuntime, OrtTensor } from "./ortRuntime.ts";

/** What a device measured. Plain data. */
export interface LoweringTimes {
  /** The fastest form of each site: put it into `plan.lowering.forms`. */
  readonly forms: Readonly<Record<string, string>>;
  /** Milliseconds of one run by site and form: lower quartile over the rounds. */
  readonly runMs: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** How long to measure. */
export interface LoweringTiming {
  /** Milliseconds that may pass at one site; 100 if left out. At least three rounds are run, however long they take. */
  readonly siteMs?: number;
  /** Monotonic milliseconds, at least 0.1 ms fine, such as `performance.now`. */
  nowMs(): number;
}

/** Rounds of one site: enough for a quartile, and a bound where the clock stands still. */
const ROUNDS_MIN = 3;
const ROUNDS_MAX = 1000;

/**
 * Runs every form of every choice, interleaved, and names the fastest.
 *
 * Blocks its thread for about `siteMs` times the number of choices. The result depends on the device and on its load: it belongs into
 * the plan, whose text then says it, and is not measured again for that plan.
 *
 * @throws Fault `ort.graph_not_loadable`, `ort.run_failed`
 * @example
 * const model = buildPerceptron({ inputSize: 4, hidden: [3], classCount: 2 }, createSeededRandom(1));
 * const choices = listLowerings(model, { scope: "all", loss: { kind: "crossEntropy" }, optimizer: { kind: "sgd" } });
 * const timed = choices.ok && (await timeLowerings(await loadNodeOrt(), choices.value, { nowMs: () => performance.now() }));
 */
export async function timeLowerings(
  runtime: OrtRuntime,
  choices: readonly LoweringChoice[],
  timing: LoweringTiming,
): Promise<LoweringTimes> {
  const { siteMs = 100 } = timing;
  assertDefect(siteMs >= 0, "lowering.time_invalid", `siteMs is ${siteMs}, must be 0 or more`);
  const forms: Record<string, string> = {};
  const runMs: Record<string, Readonly<Record<string, number>>> = {};
  for (const choice of choices) {
    const times = await timeChoice(runtime, choice, siteMs, timing);
    runMs[choice.site] = Object.fromEntries(times);
    const [fastest] = [...times].sort(([, a], [, b]) => a - b);
    if (fastest !== undefined) forms[choice.site] = fastest[0];
  }
  return { forms, runMs };
}

async function timeChoice(
  runtime: OrtRuntime,
  choice: LoweringChoice,
  siteMs: number,
  timing: LoweringTiming,
): Promise<ReadonlyMap<string, number>> {
  const feeds = Object.fromEntries(
    choice.inputs.map(({ name, dims }): [string, OrtTensor] => [
      name,
      { type: "float32", dims, data: someValues(elementCount(dims)) },
    ]),
  );
  const rivals: { name: string; graph: OrtGraph; times: number[] }[] = [];
  try {
    for (const { name, graph } of choice.forms) {
      rivals.push({ name, graph: await runtime.load(graph), times: [] });
    }
    // The first run of a graph allocates its memory.
    for (const { graph } of rivals) await graph.run(feeds, [candidateOutput]);
    const startMs = timing.nowMs();
    for (
      let round = 0;
      round < ROUNDS_MIN || (round < ROUNDS_MAX && timing.nowMs() - startMs < siteMs);
      round += 1
    ) {
      for (const { graph, times } of rivals) {
        const beginMs = timing.nowMs();
        await graph.run(feeds, [candidateOutput]);
        times.push(timing.nowMs() - beginMs);
      }
    }
  } finally {
    for (const { graph } of rivals) await graph.release();
  }
  return new Map(rivals.map(({ name, times }) => [name, lowerQuartile(times)]));
}

/** What else runs on a device only ever adds time: the lower quartile moves less than the median. */
function lowerQuartile(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 4)] ?? 0;
}

/** Values without zeros, denormals or order; the same every time. */
function someValues(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, at) => 0.5 + 0.4 * Math.sin(12.9898 * at));
}
