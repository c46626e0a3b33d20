// What every layer of a built network writes with: nodes, fresh parameters, and names that nothing else has.
import { assertDefect } from "@attune/protocol";
import type { Random } from "../../ports/random.ts";
import { createGraphEmitter, type GraphEmitter } from "../graph/graphEmitter.ts";
import { floatTensor } from "../onnx/tensorMessage.ts";
import type { Sizes } from "./networkSpec.ts";

/** A value on its way through the network. */
export interface LayerValue {
  readonly name: string;
  /** Shape of one sample; the batch stands before it. */
  readonly dims: readonly number[];
}

/** Where layers write. */
export interface NetworkWriter {
  readonly emit: GraphEmitter;
  readonly random: Random;
  /** Adds a parameter and returns its name. */
  parameter(name: string, dims: readonly number[], values: ArrayLike<number>): string;
  /** The name that a layer was given, else its kind and count. */
  layerName(kind: string, given: string | undefined): string;
}

/** Starts a network. */
export function createNetworkWriter(random: Random): NetworkWriter {
  const emit = createGraphEmitter("value.");
  const counts = new Map<string, number>();
  const taken = new Set<string>();
  return {
    emit,
    random,
    parameter(name, dims, values) {
      emit.keep(floatTensor(name, dims, values));
      return name;
    },
    layerName(kind, given) {
      const count = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, count);
      const name = given ?? `${kind}${count}`;
      assertDefect(
        name !== "" && !name.startsWith("value.") && !taken.has(name),
        "builder.name_invalid",
        `two layers are named "${name}", or the name is empty or begins with "value."; give each a name of its own`,
      );
      taken.add(name);
      return name;
    },
  };
}

/** A layer that fits its input: `holds` or `builder.size_invalid` with what was found. */
export function assertFits(holds: boolean, layer: string, found: string): void {
  assertDefect(holds, "builder.size_invalid", `${layer}: ${found}`);
}

/** Whether a number can be a size. */
export function isSize(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}

/** One size an axis. */
export function sizesOf(layer: string, sizes: Sizes, rank: number): readonly number[] {
  const list = typeof sizes === "number" ? Array.from({ length: rank }, () => sizes) : sizes;
  assertFits(
    list.length === rank && list.every(isSize),
    layer,
    `sizes ${list.join(", ")} for ${rank} axes; one whole number from 1 an axis`,
  );
  return list;
}
