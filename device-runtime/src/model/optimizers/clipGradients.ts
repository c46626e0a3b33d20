// Clipping of gradients by their common norm.

import type { GraphEmitter } from "../graph/graphEmitter.ts";
import { integer } from "../graph/graphEmitter.ts";

/**
 * Scales all gradients by `min(1, limit / (norm + 1e-6))`, where `norm` is the Euclidean norm of all of them together.
 *
 * @see `torch.nn.utils.clip_grad_norm_`, whose 1e-6 is kept so that results agree; Pascanu, Mikolov and Bengio 2013, algorithm 1.
 */
export function clipGradients(
  emit: GraphEmitter,
  gradients: readonly string[],
  limit: number,
): readonly string[] {
  const squares = gradients.map((gradient) =>
    emit.node("ReduceSum", [emit.node("Mul", [gradient, gradient])], { keepdims: integer(0) }),
  );
  const total = squares.reduce((sum, square) => emit.node("Add", [sum, square]));
  const norm = emit.node("Add", [emit.node("Sqrt", [total]), emit.scalar(1e-6)]);
  const ratio = emit.node("Div", [emit.scalar(limit), norm]);
  const factor = emit.node("Min", [ratio, emit.scalar(1)]);
  return gradients.map((gradient) => emit.node("Mul", [gradient, factor]));
}
