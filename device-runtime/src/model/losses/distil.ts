// Distillation: the raw scores of a teacher as a second, softer truth beside the labels.
import { integer } from "../graph/graphEmitter.ts";
import type { LossStep } from "./lossRule.ts";

/**
 * `(1 - a) hard + a T² KL(softmax(t / T) || softmax(x / T))`, the divergence averaged over the batch by the samples' weights.
 *
 * - Gradient by the scores `x`: `(1 - a) hard' + a T (softmax(x / T) - softmax(t / T))` times the sample's share. `T²` keeps it as large as that of
 *   the labels, whatever the temperature.
 *
 * The prepared value `softShares` holds the samples' shares.
 *
 * @see Hinton, Vinyals and Dean 2015, section 2; PyTorch's knowledge distillation tutorial, with `a` and `1 - a` as its two weights.
 */
export function distil(
  { emit, output, teacher, prepared }: LossStep,
  hard: { readonly loss: string; readonly gradient: string },
  { weight, temperature }: { readonly weight: number; readonly temperature: number },
): { loss: string; gradient: string } {
  const logSoft = (scores: string): string =>
    emit.node(
      "LogSoftmax",
      [temperature === 1 ? scores : emit.node("Mul", [scores, emit.scalar(1 / temperature)])],
      { axis: integer(-1) },
    );
  const logTeacher = logSoft(teacher);
  const logStudent = logSoft(output);
  const soft = emit.node("Exp", [logTeacher]);
  const shares = prepared("softShares");
  const share = emit.node("Mul", [soft, shares]);
  const gap = emit.node("Sub", [logTeacher, logStudent]);
  const divergence = emit.node("ReduceSum", [emit.node("Mul", [share, gap])], {
    keepdims: integer(0),
  });
  const error = emit.node("Sub", [emit.node("Exp", [logStudent]), soft]);
  const slope = emit.node("Mul", [error, shares]);
  const mixed = (own: string, other: string, factor: number): string =>
    emit.node("Add", [
      emit.node("Mul", [own, emit.scalar(1 - weight)]),
      emit.node("Mul", [other, emit.scalar(factor)]),
    ]);
  return {
    loss: mixed(hard.loss, divergence, weight * temperature ** 2),
    gradient: mixed(hard.gradient, slope, weight * temperature),
  };
}
