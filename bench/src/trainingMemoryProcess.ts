// A process of its own that trains one slice and says how much memory that took: its peak of resident memory, above what it held before.
// Linux only: the kernel counts the peak, and forgets it when asked to.
import { readFileSync, writeFileSync } from "node:fs";
import { argv, exit } from "node:process";
import {
  buildPerceptron,
  compileTraining,
  createTrainer,
  readParameters,
  reportPlan,
} from "@attune/device-runtime/model";
import { loadNodeOrt } from "@attune/device-runtime/node";
import { createSeededRandom } from "@attune/device-runtime/testing";
import { unwrap } from "@attune/protocol";
import { type MemoryTask, modelOf, planOf, sliceOf } from "./memoryTask.ts";

/** What it took, and what was estimated. */
export interface MemoryFinding {
  readonly measuredBytes: number;
  readonly estimatedBytes: number;
  readonly measuredMs: number;
  readonly estimatedMs: number;
}

/** Runs of the engine before the measurement, so that its own code and buffers are there. */
const WARM_UP_RUNS = 20;
/** Timed slices; the fastest counts, because a busy machine only ever adds. */
const TIMED_RUNS = 5;

/** `VmRSS` or `VmHWM` of this process, in bytes. */
function resident(field: string): number {
  const [, kilobytes] =
    new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

async function warmUp(): Promise<void> {
  const random = createSeededRandom("warm-up");
  const model = buildPerceptron({ inputSize: 4, hidden: [], classCount: 2 }, random);
  const plan = planOf({ scope: "all", optimizer: "adam", batchSize: 1 }, "node");
  const trainer = await createTrainer(await loadNodeOrt(), unwrap(compileTraining(model, plan)));
  for (let run = 0; run < WARM_UP_RUNS; run++) {
    await trainer.run(trainer.begin(unwrap(readParameters(model))), {
      stepCount: 1,
      batchSize: 1,
      data: new Float32Array(4),
      truth: Int32Array.of(1),
      learningRate: 0.1,
    });
  }
}

async function measure(task: MemoryTask): Promise<MemoryFinding> {
  const { stepCount } = task;
  const model = modelOf(task.model);
  const plan = planOf(task, "node");
  const compiled = unwrap(compileTraining(model, plan));
  const report = unwrap(reportPlan(model, plan, { stepCount }));
  const parameters = unwrap(readParameters(model));
  const runtime = await loadNodeOrt();
  await warmUp();
  globalThis.gc?.();
  globalThis.gc?.();
  writeFileSync("/proc/self/clear_refs", "5");
  const before = resident("VmRSS");

  const trainer = await createTrainer(runtime, compiled);
  const slice = sliceOf(task, compiled.sampleDims);
  const begun = trainer.begin(parameters);
  // Memory counts when it is written to; what a device holds was.
  const copy = (one: (typeof parameters)[number]) => ({ ...one, data: one.data.map((v) => v) });
  const state = {
    ...begun,
    parameters: begun.parameters.map(copy),
    optimizer: begun.optimizer.map(copy),
    base: begun.base.map(copy),
  };
  await trainer.run(state, slice);
  const measuredBytes = resident("VmHWM") - before;

  let measuredMs = Number.POSITIVE_INFINITY;
  for (let run = 0; run < TIMED_RUNS; run++) {
    const startMs = performance.now();
    await trainer.run(state, slice);
    measuredMs = Math.min(measuredMs, (performance.now() - startMs) / stepCount);
  }
  await trainer.release();
  const estimatedBytes = report.peakBytes;
  return { measuredBytes, estimatedBytes, measuredMs, estimatedMs: report.msPerStep };
}

console.log(JSON.stringify(await measure(JSON.parse(argv[2] ?? "") as MemoryTask)));
exit(0);
