// Entry of the worker thread that answers validation sets, with the very code that devices answer with. Sole owner of
// onnxruntime-node. It must not judge the answers.
import { parentPort } from "node:worker_threads";
import type { OrtRuntime } from "@attune/device-runtime/model";
import { createEvaluator, createOrtRuntime, readModelParts } from "@attune/device-runtime/model";
import { type LineId, type Outcome, unwrap } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import type { ValidationAnswers, ValidationCell } from "../../core/gate/validationGate.ts";
import type { JudgeTask } from "../../ports/modelJudge.ts";
import { decodeValidationSet, type ValidationSet } from "../../validationSet.ts";

/** One task on its way to the worker. */
export interface JudgeCall {
  readonly id: number;
  readonly task: JudgeTask;
}

/** What became of it. */
export type JudgeReply =
  | { readonly id: number; readonly answers: ValidationAnswers }
  | { readonly id: number; readonly failure: string };

/** Class of each sample by name, and how many answers were not finite. */
interface ModelAnswers {
  readonly labels: readonly string[];
  readonly notFiniteCount: number;
}

const port = parentPort;
if (port !== null) {
  let runtime: Promise<OrtRuntime> | undefined;
  const replyTo = async ({ id, task }: JudgeCall): Promise<JudgeReply> => {
    try {
      runtime ??= import("onnxruntime-node").then((ort) => createOrtRuntime(ort));
      return { id, answers: await answer(task, await runtime) };
    } catch (error) {
      return { id, failure: error instanceof Error ? error.message : String(error) };
    }
  };
  port.on("message", (call: JudgeCall) => {
    // It never rejects: what fails is part of the reply.
    void replyTo(call).then((reply) => port.postMessage(reply));
  });
}

async function answer(task: JudgeTask, runtime: OrtRuntime): Promise<ValidationAnswers> {
  const set = unwrap(decodeValidationSet(task.validationSet));
  const challenger = await answerWith(task.line, task.challenger, set, runtime);
  const champion =
    task.champion === null ? challenger : await answerWith(task.line, task.champion, set, runtime);
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
): Promise<ModelAnswers> {
  const modelPackage = orThrow(readModelParts(line, parts));
  const { labels, channels, windowSamples } = modelPackage.preprocessing;
  const windowLength = channels.length * windowSamples;
  if (set.windowLength !== windowLength) {
    throw new Error(
      `the validation set's windows have ${set.windowLength} values, the model takes ${windowLength}`,
    );
  }
  const evaluator = orThrow(await createEvaluator(modelPackage, runtime, nodeCryptography));
  try {
    const { classes, probabilities } = await evaluator.answer(set.windows);
    let notFiniteCount = 0;
    for (let sample = 0; sample < classes.length; sample += 1) {
      const at = sample * labels.length;
      const own = probabilities.subarray(at, at + labels.length);
      if (!own.every((probability) => Number.isFinite(probability))) notFiniteCount += 1;
    }
    return { labels: Array.from(classes, (index) => labels[index] ?? ""), notFiniteCount };
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
