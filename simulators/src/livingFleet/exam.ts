// The closing exam: windows that nobody has seen, answered by the first shared version and by what each device answers with now.
import { createEvaluator, decodeModelPackage, type OrtRuntime } from "@attune/device-runtime/model";
import { unwrap } from "@attune/protocol";
import { nodeCryptography } from "@attune/protocol/node";
import { WINDOW_SIZE } from "../people/inertialWindow.ts";
import { EXAM_EVERY_MS, EXAM_WINDOWS } from "./fleetRules.ts";
import type { Wearable } from "./wearable.ts";

/** One person's exam. */
export interface ExamResult {
  readonly count: number;
  readonly firstCorrect: number;
  readonly nowCorrect: number;
  /** Windows that only the answers of now got right, and only those of the first version. */
  readonly wins: number;
  readonly losses: number;
}

/**
 * Examines everybody on the hours after the story, in their condition then.
 *
 * @param fromMs the person's time at which the story ended
 * @param onProgress called after each person
 */
export async function examine(
  wearables: readonly Wearable[],
  firstPackage: Uint8Array,
  runtime: OrtRuntime,
  fromMs: number,
  onProgress: (share: number) => void,
): Promise<ReadonlyMap<string, ExamResult>> {
  const modelPackage = unwrap(decodeModelPackage(firstPackage, nodeCryptography));
  const evaluator = unwrap(await createEvaluator(modelPackage, runtime, nodeCryptography));
  const results = new Map<string, ExamResult>();
  try {
    for (const wearable of wearables) {
      const windows = wearable.person.record(EXAM_WINDOWS, fromMs, EXAM_EVERY_MS);
      const all = new Float32Array(windows.length * WINDOW_SIZE);
      windows.forEach(({ samples }, index) => {
        all.set(samples, index * WINDOW_SIZE);
      });
      const { classes } = await evaluator.answer(all);
      const now = await wearable.answer(windows);
      const result = { count: windows.length, firstCorrect: 0, nowCorrect: 0, wins: 0, losses: 0 };
      windows.forEach(({ label }, index) => {
        const first = classes[index] === label;
        const isRight = now[index] === true;
        if (first) result.firstCorrect += 1;
        if (isRight) result.nowCorrect += 1;
        if (isRight && !first) result.wins += 1;
        if (first && !isRight) result.losses += 1;
      });
      results.set(wearable.id, result);
      onProgress(results.size / wearables.length);
    }
  } finally {
    await evaluator.release();
  }
  return results;
}
