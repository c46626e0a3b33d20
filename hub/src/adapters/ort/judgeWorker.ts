// Entry of the worker thread that answers validation sets, with the very code that devices answer with. It must not judge
// the answers.
import { parentPort, workerData } from "node:worker_threads";
import type { OrtRuntime } from "@attune/device-runtime/model";
import { createEvaluator, readModelParts } from "@attune/device-runtime/model";
import { type LineId, type Outcome, unwrap } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import type { ValidationAnswers, ValidationCell } from "../../core/gate/validationGate.ts";
import type { JudgeTask } from "../../ports/modelJudge.ts";
import { decodeValidationSet, type ValidationSet } from "../../validationSet.ts";
import { loadOrt } from "./loadOrt.ts";

/** What the worker is told: a task, or that it is to end. */
export type JudgeCall =
  | { readonly kind: "answer"; readonly id: number; readonly task: JudgeTask }
  | { readonly kind: "close" };

/** Places in the memory that the worker and its owner share. */
export const gatePlaces = {
  /** 1 while the engine computes. */
  busy: 0,
  /** 1 when it must not begin to compute again. */
  closed: 1,
} as const;

/** What became of it. */
export type JudgeReply =
  | { readonly id: number; readonly answers: ValidationAnswers }
  | { readonly id: number; readonly failure: string };

/** Class of each sample by name, and how many answers were not finite. */
interface ModelAnswers {
  readonly labels: readonly string[];
  readonly notFiniteCount: number;
}

/** Windows that are answered before it looks whether it is to end: as many as one run of the engine takes. */
const SLICE_WINDOWS = 256;

const port = parentPort;
if (port !== null) {
  const gate = (workerData as { readonly gate: Int32Array }).gate;
  let runtime: Promise<OrtRuntime> | undefined;
  const replyTo = async (id: number, task: JudgeTask): Promise<JudgeReply> => {
    try {
      runtime ??= loadOrt();
      return { id, answers: await answer(task, await runtime, slicesOf(gate)) };
    } catch (error) {
      return { id, failure: error instanceof Error ? error.message : String(error) };
    }
  };
  port.on("message", (call: JudgeCall) => {
    // With its port closed nothing keeps the thread, once what runs has ended.
    if (call.kind === "close") port.close();
    // It never rejects: what fails is part of the reply.
    else void replyTo(call.id, call.task).then((reply) => port.postMessage(reply));
  });
}

/** Runs one thing in the engine, so that its owner knows and can wait. */
type Slice = <T>(work: () => Promise<T>) => Promise<T>;

/** The owner looks at `busy` after it has set `closed`, this the other way round: one of them always sees the other. */
function slicesOf(gate: Int32Array): Slice {
  return async (work) => {
    Atomics.store(gate, gatePlaces.busy, 1);
    try {
      if (Atomics.load(gate, gatePlaces.closed) === 1) throw new Error("the hub is closing");
      return await work();
    } finally {
      Atomics.store(gate, gatePlaces.busy, 0);
      Atomics.notify(gate, gatePlaces.busy);
    }
  };
}

async function answer(
  task: JudgeTask,
  runtime: OrtRuntime,
  slice: Slice,
): Promise<ValidationAnswers> {
  const set = unwrap(decodeValidationSet(task.validationSet));
  const challenger = await answerWith(task.line, task.challenger, set, runtime, slice);
  const champion =
    task.champion === null
      ? challenger
      : await answerWith(task.line, task.champion, set, runtime, slice);
  return {
    cells: cellsOf(set, champion.labels, challenger.labels),
    notFiniteCount: challenger.notFiniteCount,
  };
}

async function answerWith(
  line: LineId,
  parts: JudgeTask["challenger"],
  set: ValidationSet,
  runtime: OrtRuntime,
  slice: Slice,
): Promise<ModelAnswers> {
  const modelPackage = orThrow(readModelParts(line, parts));
  const { labels, channels, windowSamples } = modelPackage.preprocessing;
  const windowLength = channels.length * windowSamples;
  if (set.windowLength !== windowLength) {
    throw new Error(
      `the validation set's windows have ${set.windowLength} values, the model takes ${windowLength}`,
    );
  }
  const evaluator = orThrow(
    await slice(() => createEvaluator(modelPackage, runtime, nodeCryptography)),
  );
  try {
    const answers: string[] = [];
    let notFiniteCount = 0;
    for (let at = 0; at < set.windows.length; at += SLICE_WINDOWS * windowLength) {
      const windows = set.windows.subarray(at, at + SLICE_WINDOWS * windowLength);
      const { classes, probabilities } = await slice(() => evaluator.answer(windows));
      classes.forEach((label, sample) => {
        const own = probabilities.subarray(sample * labels.length, (sample + 1) * labels.length);
        if (!own.every((probability) => Number.isFinite(probability))) notFiniteCount += 1;
        answers.push(labels[label] ?? "");
      });
    }
    return { labels: answers, notFiniteCount };
  } finally {
    await evaluator.release();
  }
}

/** Counts by person and class: all that a gate needs, whatever the size of the set. */
function cellsOf(
  set: ValidationSet,
  champion: readonly string[],
  challenger: readonly string[],
): readonly ValidationCell[] {
  const cells = new Map<number, { -readonly [Key in keyof ValidationCell]: ValidationCell[Key] }>();
  set.labelOf.forEach((labelIndex, sample) => {
    const personIndex = set.personOf[sample] ?? 0;
    const key = personIndex * set.labels.length + labelIndex;
    const label = set.labels[labelIndex] ?? "";
    const cell = cells.get(key) ?? {
      person: set.persons[personIndex] ?? "",
      label,
      count: 0,
      championCorrect: 0,
      challengerCorrect: 0,
    };
    cell.count += 1;
    if (champion[sample] === label) cell.championCorrect += 1;
    if (challenger[sample] === label) cell.challengerCorrect += 1;
    cells.set(key, cell);
  });
  return [...cells.values()];
}

function orThrow<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw new Error(outcome.refusal.message);
}
