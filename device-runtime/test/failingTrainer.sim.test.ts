// A trainer that fails again and again, under a real device: how often it is tried, from where, and what it costs.
import { Fault } from "@attune/protocol";
import { expect, it } from "vitest";
import { createInlineTrainer } from "../src/adapters/inlineTrainer.ts";
import { createSeededRandom } from "../src/adapters/seededRandom.ts";
import { defaultFineTunePolicy } from "../src/core/learn/fineTunePlan.ts";
import { CHECKPOINT_SLICES, TRAIN_ATTEMPTS_MAX } from "../src/core/limits.ts";
import { defaultTriggerPolicy } from "../src/core/trigger/trigger.ts";
import { loadNodeOrt } from "../src/model/session/nodeOrtRuntime.ts";
import type { TrainerPort } from "../src/ports/trainer.ts";
import { createPerson, openBenchDevice } from "./benchDevice.ts";
import { benchPackage } from "./benchModel.ts";

const runtime = await loadNodeOrt();
const stepsPerSlice = 2;
const stepsKept = CHECKPOINT_SLICES * stepsPerSlice;
const stepCount = stepsKept + 4;

/** Trains for real up to the first checkpoint, and fails behind it. */
function createFailingTrainer(): { trainer: TrainerPort; begins: number[] } {
  const inner = createInlineTrainer(runtime);
  const begins: number[] = [];
  return {
    begins,
    trainer: {
      async begin(task) {
        let done = task.start.kind === "resume" ? task.start.state.stepCount : 0;
        begins.push(done);
        const job = await inner.begin(task);
        return {
          ...job,
          async runSlice(slice) {
            done += slice.stepCount;
            if (done > stepsKept) {
              throw new Fault("the worker is gone", {
                code: "trainer.worker_lost",
                hint: "it is a test",
              });
            }
            return job.runSlice(slice);
          },
        };
      },
      close: () => inner.close(),
    },
  };
}

it("[DR44] a failing job is tried again from its checkpoint, so often and no more, and its steps are spent", async () => {
  const modelPackage = await benchPackage(runtime, {
    fineTune: {
      ...defaultFineTunePolicy,
      sampleCountMin: 12,
      stepsMin: stepCount,
      stepsMax: stepCount,
      stepsPerSlice,
    },
    trigger: { ...defaultTriggerPolicy, budget: { stepsPerDayMax: 1000 }, coolDownMs: 86_400_000 },
  });
  const { trainer, begins } = createFailingTrainer();
  const bench = await openBenchDevice(runtime, modelPackage, { trainer });
  const anna = createPerson(bench, bench.device.user("anna"), createSeededRandom("anna"));
  await anna.live(40, 0.6);
  await bench.pass(6 * 3_600_000);
  expect(begins).toEqual([0, ...Array.from({ length: TRAIN_ATTEMPTS_MAX - 1 }, () => stepsKept)]);
  expect(bench.events.filter(({ name }) => name === "abandoned")).toHaveLength(1);
  const [user] = bench.device.inspect().users;
  expect(user?.job).toBeNull();
  expect(user?.trigger.stepsLeft).toBe(1000 - stepsKept);
  await bench.device.close();
});
