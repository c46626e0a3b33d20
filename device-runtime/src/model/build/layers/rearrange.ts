// Writes what only moves numbers: flatten and permute.
import { integer, integers } from "../../graph/graphEmitter.ts";
import type { PermuteLayer } from "../networkSpec.ts";
import { assertFits, type LayerValue, type NetworkWriter } from "../networkWriter.ts";

/** All axes into one. */
export function writeFlatten({ emit }: NetworkWriter, input: LayerValue): LayerValue {
  return {
    name: emit.node("Flatten", [input.name], { axis: integer(1) }),
    dims: [input.dims.reduce((all, size) => all * size, 1)],
  };
}

/** Axes in another order. */
export function writePermute(
  { emit }: NetworkWriter,
  input: LayerValue,
  { order }: PermuteLayer,
): LayerValue {
  assertFits(
    order.length === input.dims.length &&
      new Set(order).size === order.length &&
      order.every((axis) => input.dims[axis] !== undefined),
    "permute",
    `order ${order.join(", ")} of an input of shape ${input.dims.join("x")}; each axis once, from 0`,
  );
  return {
    name: emit.node("Transpose", [input.name], {
      perm: integers([0, ...order.map((axis) => axis + 1)]),
    }),
    dims: order.map((axis) => input.dims[axis] ?? 1),
  };
}
